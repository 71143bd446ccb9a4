//! How each pattern is looked for.

use super::Look::{self, Marked, Number, Tokens};
use super::national::{americas, asia, europe, letters};
use super::{ReadyMade, assignment, cards, network, phone, secrets, tokens};

impl ReadyMade {
    /// The ways in which it is looked for.
    pub(crate) fn looks(self) -> &'static [Look] {
        general(self)
            .or_else(|| service(self))
            .or_else(|| person(self))
            .unwrap_or_default()
    }
}

/// What is found everywhere.
fn general(ready: ReadyMade) -> Option<&'static [Look]> {
    let looks: &[Look] = match ready {
        ReadyMade::CreditCard => &[Number(&[13, 14, 15, 16, 17, 18, 19], cards::credit_card)],
        ReadyMade::Iban => &[Marked(
            &[("[^0-9A-Za-z_][A-Z]{2}[0-9]{2}[ 0-9A-Z]", 1)],
            cards::iban,
        )],
        ReadyMade::Email => &[Marked(
            &[("[0-9A-Za-z!#$%&\'*+/=?^_{|}~-]@[0-9A-Za-z]", 1)],
            network::email,
        )],
        ReadyMade::Phone => &[
            Marked(&[("\\+[0-9(]", 0)], phone::international),
            Marked(&[("\\([2-9][0-9]{2}\\)", 0)], phone::in_parentheses),
            Number(&[10, 11], phone::national),
        ],
        ReadyMade::Ipv4 => &[Marked(
            &[("[^0-9A-Za-z_][0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]", 1)],
            network::ipv4,
        )],
        ReadyMade::Ipv6 => &[Marked(
            &[
                ("[^0-9A-Za-z_:][0-9A-Fa-f]{1,4}:(?::|[0-9A-Fa-f]{1,4}:)", 1),
                ("[^0-9A-Za-z_:]::[0-9A-Fa-f]", 1),
            ],
            network::ipv6,
        )],
        ReadyMade::MacAddress => &[Marked(
            &[
                ("[^0-9A-Za-z_][0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]", 1),
                ("[^0-9A-Za-z_][0-9A-Fa-f]{4}\\.[0-9A-Fa-f]{4}\\.", 1),
            ],
            network::mac_address,
        )],
        ReadyMade::UrlCredentials => &[Marked(&[("[0-9A-Za-z]://", 1)], secrets::url_credentials)],
        ReadyMade::PasswordAssignment => &[Marked(
            &[
                ("(?i)(?:passwor|passw|pw)d[^0-9A-Za-z_]", -2),
                ("(?i)(?:phrase|secret|token)[^0-9A-Za-z_]", -2),
                ("(?i)(?:api|access|secret|private)[_-]?key[^0-9A-Za-z_]", -2),
            ],
            assignment::password_assignment,
        )],
        ReadyMade::BearerToken => &[Marked(
            &[("(?i)bearer[ \t]", 0), ("(?i)basic[ \t]", 0)],
            secrets::bearer_token,
        )],
        ReadyMade::Jwt => &[Marked(&[("[^0-9A-Za-z_-]eyJ", 1)], secrets::jwt)],
        ReadyMade::PrivateKey => &[Marked(&[("-----BEGIN ", 0)], secrets::private_key)],
        ReadyMade::HighEntropyToken => &[Marked(
            &[("[^0-9A-Za-z+/_-][0-9A-Za-z+/_-]{2}", 1)],
            secrets::high_entropy_token,
        )],
        ReadyMade::AwsSecretKey => &[Marked(
            &[("(?i)secret[_ -]?(?:acc|key)", 0)],
            secrets::aws_secret_key,
        )],
        ReadyMade::GcpServiceAccountKey => &[Marked(&[("private_key_id", 0)], secrets::gcp_service_account)],
        ReadyMade::AzureSasSignature => &[Marked(&[("[^0-9A-Za-z_]sig=", 1)], secrets::azure_signature)],
        _ => return None,
    };
    Some(looks)
}

/// Tokens of services.
fn service(ready: ReadyMade) -> Option<&'static [Look]> {
    let looks: &[Look] = match ready {
        ReadyMade::AwsAccessKey => &[Tokens(&tokens::AWS_ACCESS_KEY)],
        ReadyMade::GcpApiKey => &[Tokens(&tokens::GCP_API_KEY)],
        ReadyMade::GoogleOauthToken => &[Tokens(&tokens::GOOGLE_OAUTH)],
        ReadyMade::AzureStorageKey => &[Tokens(&tokens::AZURE_STORAGE)],
        ReadyMade::DigitaloceanToken => &[Tokens(&tokens::DIGITALOCEAN)],
        ReadyMade::GithubToken => &[Tokens(&tokens::GITHUB)],
        ReadyMade::GitlabToken => &[Tokens(&tokens::GITLAB)],
        ReadyMade::SlackToken => &[Tokens(&tokens::SLACK)],
        ReadyMade::SlackWebhook => &[Tokens(&tokens::SLACK_WEBHOOK)],
        ReadyMade::StripeKey => &[Tokens(&tokens::STRIPE)],
        ReadyMade::NpmToken => &[Tokens(&tokens::NPM)],
        ReadyMade::PypiToken => &[Tokens(&tokens::PYPI)],
        ReadyMade::DockerToken => &[Tokens(&tokens::DOCKER)],
        ReadyMade::HuggingfaceToken => &[Tokens(&tokens::HUGGING_FACE)],
        ReadyMade::OpenaiKey => &[Tokens(&tokens::OPENAI)],
        ReadyMade::AnthropicKey => &[Tokens(&tokens::ANTHROPIC)],
        ReadyMade::SendgridKey => &[Tokens(&tokens::SENDGRID)],
        ReadyMade::TwilioKey => &[Tokens(&tokens::TWILIO)],
        ReadyMade::DatabricksToken => &[Tokens(&tokens::DATABRICKS)],
        ReadyMade::VaultToken => &[Tokens(&tokens::VAULT)],
        ReadyMade::ShopifyToken => &[Tokens(&tokens::SHOPIFY)],
        ReadyMade::GrafanaToken => &[Tokens(&tokens::GRAFANA)],
        ReadyMade::NewrelicKey => &[Tokens(&tokens::NEW_RELIC)],
        _ => return None,
    };
    Some(looks)
}

/// Numbers of persons.
fn person(ready: ReadyMade) -> Option<&'static [Look]> {
    let looks: &[Look] = match ready {
        ReadyMade::UsSsn => &[Number(&[9], americas::us_ssn)],
        ReadyMade::CaSin => &[Number(&[9], americas::ca_sin)],
        ReadyMade::BrCpf => &[Number(&[11], americas::br_cpf)],
        ReadyMade::BrCnpj => &[Number(&[14], americas::br_cnpj)],
        ReadyMade::AuTfn => &[Number(&[9], americas::au_tfn)],
        ReadyMade::ZaId => &[Number(&[13], americas::za_id)],
        ReadyMade::UkNhs => &[Number(&[10], europe::uk_nhs)],
        ReadyMade::DeSteuerId => &[Number(&[11], europe::de_steuer_id)],
        ReadyMade::FrNir => &[Number(&[15], europe::fr_nir)],
        ReadyMade::EsDni => &[Marked(
            &[
                ("(?i)[^0-9A-Z_][0-9]{8}-?[A-Z]", 1),
                ("(?i)[^0-9A-Z_][XYZ]-?[0-9]{7}", 1),
            ],
            letters::es_dni,
        )],
        ReadyMade::ItCodiceFiscale => &[Marked(
            &[("(?i)[^0-9A-Z_][A-Z]{6}[0-9LMNPQRSTUV]{2}[A-EHLMPR-T]", 1)],
            letters::it_codice_fiscale,
        )],
        ReadyMade::NlBsn => &[Number(&[9], europe::nl_bsn)],
        ReadyMade::PlPesel => &[Number(&[11], europe::pl_pesel)],
        ReadyMade::SePersonnummer => &[Number(&[10, 12], europe::se_personnummer)],
        ReadyMade::BeNationalNumber => &[Number(&[11], europe::be_national_number)],
        ReadyMade::NoFodselsnummer => &[Number(&[11], europe::no_fodselsnummer)],
        ReadyMade::ChAhv => &[Number(&[13], europe::ch_ahv)],
        ReadyMade::FiHenkilotunnus => &[Marked(
            &[("[^0-9A-Za-z_][0-3][0-9][01][0-9]{3}[-+A-FU-Y][0-9]", 1)],
            letters::fi_henkilotunnus,
        )],
        ReadyMade::InAadhaar => &[Number(&[12], asia::in_aadhaar)],
        ReadyMade::KrRrn => &[Number(&[13], asia::kr_rrn)],
        ReadyMade::CnResidentId => &[Marked(
            &[("[^0-9A-Za-z_][1-9][0-9]{5}(?:18|19|20)[0-9]", 1)],
            asia::cn_resident_id,
        )],
        ReadyMade::TrKimlik => &[Number(&[11], asia::tr_kimlik)],
        ReadyMade::SgNric => &[Marked(
            &[("[^0-9A-Za-z_][STFG][0-9]{7}[A-Z]", 1)],
            letters::sg_nric,
        )],
        _ => return None,
    };
    Some(looks)
}
