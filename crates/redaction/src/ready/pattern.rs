//! The list of patterns that are ready.

use std::fmt;

/// A pattern that is ready. Each says what it finds, how it is checked, and what it is known to miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ReadyMade {
    /// Numbers of payment cards (ISO/IEC 7812): 13 to 19 digits in one piece, or in groups with spaces or
    /// hyphens as they are printed on cards. Checked: the ranges and lengths of American Express, Diners Club,
    /// Discover, JCB, Maestro, Mastercard, Mir, RuPay, UnionPay and Visa, and the check digit (Luhn). Missed:
    /// numbers that are split otherwise, and those that run into letters.
    CreditCard,
    /// International bank account numbers (ISO 13616) in one piece or in groups of four, in capitals. Checked:
    /// the length of the country, and the check digits (by 97). Missed: small letters, countries that have
    /// joined since.
    Iban,
    /// Addresses of e-mail: a local part of up to 64 letters, digits and `.!#$%&'*+/=?^_{|}~-` (RFC 5321,
    /// section 4.5.3.1; RFC 5322, `dot-atom`), `@`, and a domain with a dot whose last label is of letters.
    /// A path, a query or a name with `=` in front does not belong to it (`/users?email=jane@shop.example`).
    /// Missed: quoted local parts, addresses in brackets, domains without a dot, and letters other than those
    /// of ASCII.
    Email,
    /// Telephone numbers: international ones (ITU-T E.164) with `+` and 8 to 15 digits, of a country code that
    /// is assigned; those of the United States and Canada as `415-555-0123`, `415.555.0123` and `(415)
    /// 555-0123`; those of France as `01 23 45 67 89`; those of the United Kingdom as `020 7946 0123`, `0117
    /// 496 0123` and `07700 900123`. Missed: other national forms, and numbers in one piece without `+`: they
    /// cannot be told from others.
    Phone,
    /// IPv4 addresses in four decimal parts of 0 to 255 without leading zeros. Checked: the ranges, and that no
    /// fifth part is there. Missed: other notations. A version of four parts is found.
    Ipv4,
    /// IPv6 addresses in all forms of RFC 4291, section 2.2: eight groups, with `::`, with an IPv4 address at
    /// the end. Checked: the number of groups. Missed: addresses with `::` and no decimal digit at all, which
    /// are as likely a path in a program (`dead::beef`); `::` alone.
    Ipv6,
    /// Addresses of network cards (IEEE 802, EUI-48): six pairs with colons or hyphens, or three fours with
    /// dots. Missed: those in one piece; the one of zeros is none.
    MacAddress,
    /// User and password in URLs (RFC 3986, section 3.2.1): `user:password` of `scheme://user:password@host`.
    /// Missed: users without a password, passwords with an unencoded `/`, `?` or `#`.
    UrlCredentials,
    /// Values behind names that end in `password`, `passwd`, `passphrase`, `pwd`, `secret`, `token`, `api_key`,
    /// `secret_key`, `access_key` or `private_key`, in any case: `password=..`, `"clientSecret": ".."`,
    /// `DB_PWD: ..`, also in JSON within a text. Found is the value, up to 512 bytes. Not found: `null`,
    /// `true`, `****`, `${..}` and the like; a directory in `PWD` or `OLDPWD`; a word of letters only behind a colon, which is prose. Missed:
    /// values behind other names.
    PasswordAssignment,
    /// Credentials behind `Bearer` and `Basic` (RFC 6750, RFC 7617), in headers and in texts. Checked: behind
    /// `Authorization` a bearer token has at least 4 characters, elsewhere 16 with a digit; `Basic` has to
    /// decode to something with a colon. Missed: other schemes, as `Digest`.
    BearerToken,
    /// JSON Web Tokens in compact form (RFC 7519; RFC 7515, section 7.1; RFC 7516): signed, encrypted, or
    /// without a signature. Checked: the header decodes to an object with `alg`. Missed: tokens whose header
    /// begins with a blank.
    Jwt,
    /// Private keys in PEM (RFC 7468), from `-----BEGIN` to the end of `-----END`, of any kind: PKCS #1, PKCS
    /// #8, SEC 1, OpenSSH, PGP. A key whose end is not there goes on to the end of the text. Missed: keys in
    /// other encodings.
    PrivateKey,
    /// Words of 24 to 512 letters, digits and `+/_-` with capitals, small letters and digits, and at least 4
    /// bits of entropy for each byte. It is a net for what the others miss, and finds much that is no secret:
    /// names of pods, ids. Missed: hexadecimal words.
    HighEntropyToken,
    /// Ids of access keys of AWS: `AKIA`, `ASIA`, `ABIA` or `ACCA` and 16 capitals and digits. Missed: other
    /// ids (`AIDA`, `AROA`), which are no secrets.
    AwsAccessKey,
    /// Secret access keys of AWS: 40 characters behind `secret access key` in any writing, or `aws_secret_key`.
    /// Missed: keys without their name, which nothing tells from other words of 40 characters.
    AwsSecretKey,
    /// API keys of Google Cloud: `AIza` and 35 characters.
    GcpApiKey,
    /// Ids of keys of service accounts of Google Cloud: 40 hexadecimal digits behind `private_key_id`. The key
    /// itself is a `private_key`.
    GcpServiceAccountKey,
    /// OAuth tokens of Google: access tokens (`ya29.`), client secrets (`GOCSPX-`), refresh tokens (`1//0`).
    GoogleOauthToken,
    /// Keys in connection strings of Azure: `AccountKey=`, `SharedAccessKey=`, `SharedAccessSignature=`, with
    /// their name. Missed: keys without it.
    AzureStorageKey,
    /// Signatures of shared access signatures of Azure: 43 to 120 characters behind `sig=`.
    AzureSasSignature,
    /// Tokens of DigitalOcean: `dop_v1_`, `doo_v1_`, `dor_v1_` and 64 hexadecimal digits.
    DigitaloceanToken,
    /// Tokens of GitHub: `ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_` and at least 36 characters; `github_pat_` and
    /// at least 50. Missed: those of before 2021, which are 40 hexadecimal digits.
    GithubToken,
    /// Tokens of GitLab: `glpat-`, `gldt-`, `glrt-`, `glptt-`, `glcbt-`, `glsoat-`, `glft-`, `glagent-`,
    /// `gloas-` and at least 20 characters. Missed: instances with prefixes of their own.
    GitlabToken,
    /// Tokens of Slack: `xoxb-`, `xoxp-`, `xoxa-`, `xoxr-`, `xoxs-`, `xoxe-`, `xapp-` and at least 20
    /// characters.
    SlackToken,
    /// Addresses of incoming webhooks of Slack: `hooks.slack.com/` and what follows, which is the secret.
    SlackWebhook,
    /// Keys of Stripe: `sk_live_`, `sk_test_`, `rk_live_`, `rk_test_` and at least 16 characters, `whsec_` and
    /// at least 32. Publishable keys (`pk_`) are no secrets.
    StripeKey,
    /// Tokens of npm: `npm_` and 36 characters.
    NpmToken,
    /// Tokens of PyPI: `pypi-` and at least 80 characters.
    PypiToken,
    /// Tokens of Docker Hub: `dckr_pat_`, `dckr_oat_` and at least 20 characters.
    DockerToken,
    /// Tokens of Hugging Face: `hf_` and 34 to 40 characters, `api_org_` and 34.
    HuggingfaceToken,
    /// Keys of OpenAI: `sk-proj-`, `sk-svcacct-`, `sk-admin-` and at least 40 characters, `sk-` and 48.
    OpenaiKey,
    /// Keys of Anthropic: `sk-ant-` and at least 80 characters.
    AnthropicKey,
    /// Keys of SendGrid: `SG.` and 66 characters.
    SendgridKey,
    /// API keys of Twilio: `SK` and 32 hexadecimal digits. Missed: tokens of accounts, which are but
    /// hexadecimal digits.
    TwilioKey,
    /// Tokens of Databricks: `dapi` and 32 to 34 hexadecimal digits.
    DatabricksToken,
    /// Tokens of HashiCorp Vault: `hvs.`, `hvb.`, `hvr.` and at least 24 characters. Missed: those of before
    /// version 1.10 (`s.`).
    VaultToken,
    /// Tokens of Shopify: `shpat_`, `shpca_`, `shppa_`, `shpss_` and 32 characters.
    ShopifyToken,
    /// Tokens of Grafana: `glsa_` and 41 characters, `glc_` and at least 32.
    GrafanaToken,
    /// Keys of New Relic: `NRAK-`, `NRJS-`, `NRII-`. Missed: licence keys, which are but 40 characters.
    NewrelicKey,
    /// Social Security numbers of the United States: nine digits as `123-45-6789`; with blanks or in one piece
    /// only shortly behind `ssn` or `social security`. Checked: the parts that are never given. There is no
    /// check digit.
    UsSsn,
    /// Social insurance numbers of Canada: nine digits in groups of three, or in one piece behind their name.
    /// Checked: Luhn.
    CaSin,
    /// CPF of Brazil: eleven digits, in one piece or as `123.456.789-09`. Checked: both check digits.
    BrCpf,
    /// CNPJ of Brazil: fourteen digits, in one piece or as `12.345.678/0001-95`. Checked: both check digits.
    /// Missed: those with letters.
    BrCnpj,
    /// Tax file numbers of Australia: nine digits shortly behind `tfn` or `tax file`. Checked: the weighed sum,
    /// by 11. Missed: those of eight digits.
    AuTfn,
    /// Identity numbers of South Africa: thirteen digits. Checked: the day, the two fixed places, Luhn.
    ZaId,
    /// NHS numbers of the United Kingdom: ten digits as `123 456 7890`, or in one piece behind `nhs`. Checked:
    /// the check digit, by 11.
    UkNhs,
    /// Tax ids of Germany: eleven digits, in one piece or in groups of 2, 3, 3 and 3. Checked: how often digits
    /// occur, the check digit (ISO/IEC 7064, MOD 11,10).
    DeSteuerId,
    /// Social security numbers of France with their key: fifteen digits, in one piece or in groups. Checked:
    /// sex, month, the key, by 97. Missed: those of Corsica with a letter, those without the key.
    FrNir,
    /// DNI and NIE of Spain: eight digits, or X, Y or Z and seven, and a letter. Checked: the letter, by 23.
    EsDni,
    /// Codici fiscali of Italy: sixteen letters and digits. Checked: the form, the month, the check letter.
    ItCodiceFiscale,
    /// BSN of the Netherlands: nine digits in one piece shortly behind `bsn`, `burgerservice` or `sofinummer`,
    /// or as `1234.56.782`. Checked: the weighed sum, by 11.
    NlBsn,
    /// PESEL of Poland: eleven digits. Checked: the day, the check digit.
    PlPesel,
    /// Personal and coordination numbers of Sweden: ten or twelve digits, as `811228-9874`; twelve also in one
    /// piece, ten so, and twelve that are a minute since 2000 as well, only behind `personnummer`, `personnr`
    /// or `ssn`. Checked: the day, Luhn. Missed: `+` before the last four, of those who are a hundred years
    /// old.
    SePersonnummer,
    /// National numbers of Belgium: eleven digits, in one piece or as `85.07.30-033.28`. Checked: the day, the
    /// key, by 97.
    BeNationalNumber,
    /// Birth and D numbers of Norway: eleven digits, in one piece or in groups of 6 and 5. Checked: the day,
    /// both check digits.
    NoFodselsnummer,
    /// AHV numbers of Switzerland: thirteen digits that begin with 756. Checked: the check digit (EAN-13).
    ChAhv,
    /// Personal identity codes of Finland: a day, a sign, three digits and a check character. Checked: the day,
    /// the check, by 31.
    FiHenkilotunnus,
    /// Aadhaar numbers of India: twelve digits in groups of four, or in one piece behind their name. Checked:
    /// the check digit (Verhoeff).
    InAadhaar,
    /// Resident registration numbers of South Korea as `900101-1234568`. Checked: the day, the check digit.
    /// Missed: those given since October 2020, which have none.
    KrRrn,
    /// Resident identity numbers of China: eighteen digits, the last of which may be X. Checked: the day, the
    /// check (ISO/IEC 7064, MOD 11-2).
    CnResidentId,
    /// Identity numbers of Turkey: eleven digits in one piece. Checked: both check digits.
    TrKimlik,
    /// NRIC and FIN of Singapore: S, T, F or G, seven digits and a letter. Checked: the letter. Missed: those
    /// of series M.
    SgNric,
}

impl ReadyMade {
    /// All of them.
    pub const ALL: [Self; 62] = [
        Self::CreditCard,
        Self::Iban,
        Self::Email,
        Self::Phone,
        Self::Ipv4,
        Self::Ipv6,
        Self::MacAddress,
        Self::UrlCredentials,
        Self::PasswordAssignment,
        Self::BearerToken,
        Self::Jwt,
        Self::PrivateKey,
        Self::HighEntropyToken,
        Self::AwsAccessKey,
        Self::AwsSecretKey,
        Self::GcpApiKey,
        Self::GcpServiceAccountKey,
        Self::GoogleOauthToken,
        Self::AzureStorageKey,
        Self::AzureSasSignature,
        Self::DigitaloceanToken,
        Self::GithubToken,
        Self::GitlabToken,
        Self::SlackToken,
        Self::SlackWebhook,
        Self::StripeKey,
        Self::NpmToken,
        Self::PypiToken,
        Self::DockerToken,
        Self::HuggingfaceToken,
        Self::OpenaiKey,
        Self::AnthropicKey,
        Self::SendgridKey,
        Self::TwilioKey,
        Self::DatabricksToken,
        Self::VaultToken,
        Self::ShopifyToken,
        Self::GrafanaToken,
        Self::NewrelicKey,
        Self::UsSsn,
        Self::CaSin,
        Self::BrCpf,
        Self::BrCnpj,
        Self::AuTfn,
        Self::ZaId,
        Self::UkNhs,
        Self::DeSteuerId,
        Self::FrNir,
        Self::EsDni,
        Self::ItCodiceFiscale,
        Self::NlBsn,
        Self::PlPesel,
        Self::SePersonnummer,
        Self::BeNationalNumber,
        Self::NoFodselsnummer,
        Self::ChAhv,
        Self::FiHenkilotunnus,
        Self::InAadhaar,
        Self::KrRrn,
        Self::CnResidentId,
        Self::TrKimlik,
        Self::SgNric,
    ];

    /// Its name, as configs write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreditCard => "credit_card",
            Self::Iban => "iban",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::MacAddress => "mac_address",
            Self::UrlCredentials => "url_credentials",
            Self::PasswordAssignment => "password_assignment",
            Self::BearerToken => "bearer_token",
            Self::Jwt => "jwt",
            Self::PrivateKey => "private_key",
            Self::HighEntropyToken => "high_entropy_token",
            Self::AwsAccessKey => "aws_access_key",
            Self::AwsSecretKey => "aws_secret_key",
            Self::GcpApiKey => "gcp_api_key",
            Self::GcpServiceAccountKey => "gcp_service_account_key",
            Self::GoogleOauthToken => "google_oauth_token",
            Self::AzureStorageKey => "azure_storage_key",
            Self::AzureSasSignature => "azure_sas_signature",
            Self::DigitaloceanToken => "digitalocean_token",
            Self::GithubToken => "github_token",
            Self::GitlabToken => "gitlab_token",
            Self::SlackToken => "slack_token",
            Self::SlackWebhook => "slack_webhook",
            Self::StripeKey => "stripe_key",
            Self::NpmToken => "npm_token",
            Self::PypiToken => "pypi_token",
            Self::DockerToken => "docker_token",
            Self::HuggingfaceToken => "huggingface_token",
            Self::OpenaiKey => "openai_key",
            Self::AnthropicKey => "anthropic_key",
            Self::SendgridKey => "sendgrid_key",
            Self::TwilioKey => "twilio_key",
            Self::DatabricksToken => "databricks_token",
            Self::VaultToken => "vault_token",
            Self::ShopifyToken => "shopify_token",
            Self::GrafanaToken => "grafana_token",
            Self::NewrelicKey => "newrelic_key",
            Self::UsSsn => "us_ssn",
            Self::CaSin => "ca_sin",
            Self::BrCpf => "br_cpf",
            Self::BrCnpj => "br_cnpj",
            Self::AuTfn => "au_tfn",
            Self::ZaId => "za_id",
            Self::UkNhs => "uk_nhs",
            Self::DeSteuerId => "de_steuer_id",
            Self::FrNir => "fr_nir",
            Self::EsDni => "es_dni",
            Self::ItCodiceFiscale => "it_codice_fiscale",
            Self::NlBsn => "nl_bsn",
            Self::PlPesel => "pl_pesel",
            Self::SePersonnummer => "se_personnummer",
            Self::BeNationalNumber => "be_national_number",
            Self::NoFodselsnummer => "no_fodselsnummer",
            Self::ChAhv => "ch_ahv",
            Self::FiHenkilotunnus => "fi_henkilotunnus",
            Self::InAadhaar => "in_aadhaar",
            Self::KrRrn => "kr_rrn",
            Self::CnResidentId => "cn_resident_id",
            Self::TrKimlik => "tr_kimlik",
            Self::SgNric => "sg_nric",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ready| ready.name() == name)
    }
}

impl fmt::Display for ReadyMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
