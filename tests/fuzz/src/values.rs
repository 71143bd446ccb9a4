//! Values in config files that have a grammar of their own: sizes, durations, addresses, patterns, references.

use crate::config::read;

/// Configs with a place for the value, which is a string.
const PLACES: [&str; 20] = [
    "[memory]\nbudget = @",
    "[admin]\nlisten = @",
    "[log]\nlevel = @",
    "[shutdown]\ndeadline = @",
    "[receivers.otlp]\ngrpc.listen = @",
    "[receivers.otlp]\nhttp.listen = @\nmax_request_bytes = @",
    "[exporters.otlp_grpc]\nendpoint = @",
    "[exporters.otlp_http]\nendpoint = @",
    "[exporters.otlp_http]\nendpoint = \"http://a\"\nheaders = { a = @ }",
    "[exporters.otlp_http]\nendpoint = \"http://a\"\ntimeout = @\nretry.max_age = @",
    "[exporters.otlp_http]\nendpoint = \"http://a\"\nbatch = { max_bytes = @ }",
    "[exporters.file]\npath = @",
    "[exporters.file]\npath = \"/a\"\nrotation = { max_bytes = @ }",
    "[processors.filter]\nmode = \"drop\"\nrules = [{ names = [@] }]",
    "[processors.filter]\nmode = \"drop\"\nrules = [{ severity_min = @ }]",
    "[processors.filter]\nmode = \"drop\"\nrules = [{ kinds = [@], signals = [@] }]",
    "[processors.attributes]\nitem = [{ action = \"delete\", pattern = @ }]",
    "[processors.attributes]\nitem = [{ action = \"upsert\", key = @, value = @ }]",
    "[pipelines.main]\nfrom = [@]\nvia = [@]\nto = [@]",
    "[edges]\n@ = { max_items = 1 }",
];

/// Any text in any of these places is taken or explained.
pub(crate) fn check(data: &[u8]) {
    let Some((place, value)) = data.split_first() else {
        return;
    };
    let Ok(value) = std::str::from_utf8(value) else {
        return;
    };
    let place = PLACES[usize::from(*place) % PLACES.len()];
    read(&place.replace('@', &quoted(value)));
}

/// A basic string of TOML.
fn quoted(value: &str) -> String {
    let escaped = value.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}
