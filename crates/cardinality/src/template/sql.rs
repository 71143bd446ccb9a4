//! Statements in SQL: only literals become placeholders, names stay as they are.

/// Whether a text is a statement in SQL and not, for example, an HTTP method with a path.
pub(super) fn is_statement(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let (Some(verb), Some(second)) = (words.next(), words.next()) else {
        return false;
    };
    let upper = verb.bytes().all(|byte| byte.is_ascii_uppercase());
    let lower = verb.bytes().all(|byte| byte.is_ascii_lowercase());
    if second.starts_with('/') || !(upper || lower) || verb.len() > 8 {
        return false;
    }
    let is = |word: &str| second.eq_ignore_ascii_case(word);
    let mut has = |word: &str| words.any(|other| other.eq_ignore_ascii_case(word));
    match verb.to_ascii_uppercase().as_str() {
        "SELECT" => upper || has("from"),
        "UPDATE" | "MERGE" | "UPSERT" => upper || has("set"),
        "WITH" => has("as"),
        "INSERT" | "REPLACE" => is("into") || upper,
        "DELETE" => is("from"),
        "CREATE" | "DROP" | "ALTER" | "TRUNCATE" => [
            "table",
            "index",
            "view",
            "database",
            "schema",
            "temporary",
            "unique",
        ]
        .into_iter()
        .any(is),
        "CALL" | "EXEC" | "EXECUTE" | "EXPLAIN" => upper,
        _ => false,
    }
}

/// Writes the statement to `out`, with `?` for its literals and for lists of them: whether it differs.
pub(super) fn template(text: &str, out: &mut String) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut before = b' ';
    while let Some(&byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let length = match byte {
            b'\'' => literal(quoted(rest, b'\''), out),
            b'?' => literal(1, out),
            b'0'..=b'9' if !in_name(before) => literal(number(rest), out),
            b'"' | b'`' => copy(text, at, quoted(rest, byte), out),
            b')' => {
                close(out);
                1
            }
            _ if byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80 => {
                copy(text, at, super::shape::span(rest, in_word), out)
            }
            _ => copy(text, at, 1, out),
        };
        at += length;
        before = bytes.get(at.wrapping_sub(1)).copied().unwrap_or(b' ');
    }
    if out == text {
        out.clear();
        return false;
    }
    true
}

fn copy(text: &str, at: usize, length: usize, out: &mut String) -> usize {
    out.push_str(text.get(at..at + length).unwrap_or_default());
    length
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Behind these a digit belongs to a name or to a parameter: `t1`, `$1`, `:1`, `@1`.
fn in_name(byte: u8) -> bool {
    in_word(byte) || matches!(byte, b'$' | b':' | b'@' | b'#')
}

/// A literal of this length in the text. A list that holds only literals is one: `IN (?)`.
fn literal(length: usize, out: &mut String) -> usize {
    let tail = out.trim_end();
    if let Some(list) = tail.strip_suffix(',').map(str::trim_end)
        && list
            .strip_suffix('?')
            .is_some_and(|list| list.trim_end().ends_with('('))
    {
        let keep = list.len();
        out.truncate(keep);
    } else {
        out.push('?');
    }
    length
}

/// A bracket that closes. Rows of literals are one row: `VALUES (?)`.
fn close(out: &mut String) {
    let rows = out
        .strip_suffix("(?")
        .map(str::trim_end)
        .and_then(|before| before.strip_suffix(','));
    if let Some(row) = rows.map(str::trim_end)
        && row.ends_with("(?)")
    {
        let keep = row.len();
        out.truncate(keep);
    } else {
        out.push(')');
    }
}

/// How long what is quoted at the front is. A quote in it is doubled or has a backslash before it; without an end it is all the rest.
fn quoted(text: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            _ if byte != quote => at += 1,
            _ if text.get(at + 1) == Some(&quote) => at += 2,
            _ => return at + 1,
        }
    }
    text.len()
}

/// How long a number at the front is: digits, hex digits, fraction and exponent.
fn number(text: &[u8]) -> usize {
    let mut length = super::shape::span(text, |byte| byte.is_ascii_alphanumeric() || byte == b'.');
    let exponent =
        matches!(text.get(length - 1), Some(b'e' | b'E')) && matches!(text.get(length), Some(b'+' | b'-'));
    if exponent {
        length += 1 + super::shape::digits(text.get(length + 1..).unwrap_or_default());
    }
    length
}
