//! Keys and tokens that say by their beginning what they are.

use super::{before, is_word, run};

/// Of which bytes a token is made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Alphabet {
    /// Letters and digits.
    Alphanumeric,
    /// Capital letters and digits.
    Capitals,
    /// Digits and letters to `f` in lower case.
    Hex,
    /// Letters, digits, `_` and `-` (RFC 4648, section 5).
    Url,
    /// Letters, digits, `_`, `-` and `.`.
    Dotted,
    /// What a query of a URL is made of, without its `?`.
    Query,
    /// Letters, digits, `+`, `/` and `=` (RFC 4648, section 4).
    Base64,
}

impl Alphabet {
    pub(crate) fn has(self, byte: u8) -> bool {
        match self {
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Capitals => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Self::Query => byte.is_ascii_alphanumeric() || b"-._~%&=+:/".contains(&byte),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
        }
    }
}

/// A token: what it begins with, and what follows. It ends where its alphabet does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) prefix: &'static str,
    pub(crate) alphabet: Alphabet,
    /// How many bytes follow, at least and at most.
    pub(crate) least: usize,
    pub(crate) most: usize,
}

const fn token(prefix: &'static str, alphabet: Alphabet, least: usize, most: usize) -> Token {
    Token {
        prefix,
        alphabet,
        least,
        most,
    }
}

impl Token {
    /// The mark is the first byte of the prefix.
    pub(crate) fn check(&self, text: &[u8], at: usize) -> Option<(usize, usize)> {
        let prefix = self.prefix.as_bytes();
        if text.get(at..at + prefix.len()) != Some(prefix) {
            return None;
        }
        // Within a longer run there is no beginning.
        if before(text, at).is_some_and(|byte| {
            is_word(byte) || matches!(byte, b'-' | b'+' | b'.') && self.alphabet.has(byte)
        }) {
            return None;
        }
        let from = at + prefix.len();
        let run = run(text, from, self.most + 1, |byte| self.alphabet.has(byte));
        // A sentence ends behind it, and it not with the sentence.
        let bytes = text.get(from..from + run)?.iter();
        let length = run - bytes.rev().take_while(|byte| **byte == b'.').count();
        (self.least..=self.most)
            .contains(&length)
            .then_some((at, from + length))
    }
}

use Alphabet::{Alphanumeric, Base64, Capitals, Dotted, Hex, Query, Url};

pub(crate) const AWS_ACCESS_KEY: [Token; 4] = [
    token("AKIA", Capitals, 16, 16),
    token("ASIA", Capitals, 16, 16),
    token("ABIA", Capitals, 16, 16),
    token("ACCA", Capitals, 16, 16),
];
pub(crate) const GCP_API_KEY: [Token; 1] = [token("AIza", Url, 35, 35)];
pub(crate) const GOOGLE_OAUTH: [Token; 3] = [
    token("ya29.", Dotted, 30, 2_048),
    token("GOCSPX-", Url, 28, 28),
    token("1//0", Url, 30, 512),
];
pub(crate) const AZURE_STORAGE: [Token; 3] = [
    token("AccountKey=", Base64, 80, 100),
    token("SharedAccessKey=", Base64, 40, 100),
    token("SharedAccessSignature=", Query, 20, 512),
];
pub(crate) const DIGITALOCEAN: [Token; 3] = [
    token("dop_v1_", Hex, 64, 64),
    token("doo_v1_", Hex, 64, 64),
    token("dor_v1_", Hex, 64, 64),
];
pub(crate) const GITHUB: [Token; 6] = [
    token("ghp_", Alphanumeric, 36, 255),
    token("gho_", Alphanumeric, 36, 255),
    token("ghu_", Alphanumeric, 36, 255),
    token("ghs_", Alphanumeric, 36, 255),
    token("ghr_", Alphanumeric, 36, 255),
    token("github_pat_", Url, 50, 255),
];
pub(crate) const GITLAB: [Token; 9] = [
    token("glpat-", Dotted, 20, 300),
    token("gldt-", Dotted, 20, 300),
    token("glrt-", Dotted, 20, 300),
    token("glptt-", Dotted, 20, 300),
    token("glcbt-", Dotted, 20, 300),
    token("glsoat-", Dotted, 20, 300),
    token("glft-", Dotted, 20, 300),
    token("glagent-", Dotted, 20, 300),
    token("gloas-", Dotted, 20, 300),
];
pub(crate) const SLACK: [Token; 7] = [
    token("xoxb-", Url, 20, 255),
    token("xoxp-", Url, 20, 255),
    token("xoxa-", Url, 20, 255),
    token("xoxr-", Url, 20, 255),
    token("xoxs-", Url, 20, 255),
    token("xoxe-", Url, 20, 255),
    token("xapp-", Url, 20, 255),
];
pub(crate) const SLACK_WEBHOOK: [Token; 1] = [token("hooks.slack.com/", PATH, 20, 255)];
const PATH: Alphabet = Alphabet::Base64;
pub(crate) const STRIPE: [Token; 5] = [
    token("sk_live_", Alphanumeric, 16, 255),
    token("sk_test_", Alphanumeric, 16, 255),
    token("rk_live_", Alphanumeric, 16, 255),
    token("rk_test_", Alphanumeric, 16, 255),
    token("whsec_", Base64, 32, 255),
];
pub(crate) const NPM: [Token; 1] = [token("npm_", Alphanumeric, 36, 36)];
pub(crate) const PYPI: [Token; 1] = [token("pypi-", Url, 80, 512)];
pub(crate) const DOCKER: [Token; 2] = [token("dckr_pat_", Url, 20, 64), token("dckr_oat_", Url, 20, 64)];
pub(crate) const HUGGING_FACE: [Token; 2] = [
    token("hf_", Alphanumeric, 34, 40),
    token("api_org_", Alphanumeric, 34, 34),
];
pub(crate) const OPENAI: [Token; 4] = [
    token("sk-proj-", Url, 40, 255),
    token("sk-svcacct-", Url, 40, 255),
    token("sk-admin-", Url, 40, 255),
    token("sk-", Alphanumeric, 48, 48),
];
pub(crate) const ANTHROPIC: [Token; 1] = [token("sk-ant-", Url, 80, 255)];
pub(crate) const SENDGRID: [Token; 1] = [token("SG.", Dotted, 66, 66)];
pub(crate) const TWILIO: [Token; 1] = [token("SK", Hex, 32, 32)];
pub(crate) const DATABRICKS: [Token; 1] = [token("dapi", Hex, 32, 34)];
pub(crate) const VAULT: [Token; 3] = [
    token("hvs.", Url, 24, 255),
    token("hvb.", Url, 24, 255),
    token("hvr.", Url, 24, 255),
];
pub(crate) const SHOPIFY: [Token; 4] = [
    token("shpat_", ANY_HEX, 32, 32),
    token("shpca_", ANY_HEX, 32, 32),
    token("shppa_", ANY_HEX, 32, 32),
    token("shpss_", ANY_HEX, 32, 32),
];
const ANY_HEX: Alphabet = Alphabet::Alphanumeric;
pub(crate) const GRAFANA: [Token; 2] = [token("glsa_", Url, 41, 41), token("glc_", Base64, 32, 400)];
pub(crate) const NEW_RELIC: [Token; 3] = [
    token("NRAK-", Capitals, 27, 27),
    token("NRJS-", Hex, 19, 19),
    token("NRII-", Url, 32, 32),
];
