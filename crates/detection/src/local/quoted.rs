//! The files of a downward API volume that hold maps: a line `key="value"` for each pair, the value as Go quotes it.

/// The pairs of such a file, in their order.
///
/// # Errors
///
/// In words, with the number of the line: one that is not written so. A file that holds something else tells nothing.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
    lines
        .map(|(index, line)| {
            pair(line).ok_or_else(|| format!("line {} is not like `key=\"value\"`", index + 1))
        })
        .collect()
}

fn pair(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once('=')?;
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    (!key.is_empty()).then_some(())?;
    Some((key.to_owned(), unquoted(inner)?))
}

/// The text that Go's `strconv.Quote` makes `inner` of. Bytes that are not UTF-8, which it writes as `\x`, are U+FFFD.
fn unquoted(inner: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => return None,
            '\\' => escaped(&mut chars, &mut bytes)?,
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Appends what the rest of an escape behind `\` stands for.
fn escaped(chars: &mut std::str::Chars<'_>, bytes: &mut Vec<u8>) -> Option<()> {
    let byte = match chars.next()? {
        'a' => 0x07,
        'b' => 0x08,
        't' => b'\t',
        'n' => b'\n',
        'v' => 0x0b,
        'f' => 0x0c,
        'r' => b'\r',
        '\\' => b'\\',
        '"' => b'"',
        'x' => u8::try_from(number(chars, 2)?).ok()?,
        'u' => return character(number(chars, 4)?, bytes),
        'U' => return character(number(chars, 8)?, bytes),
        _ => return None,
    };
    bytes.push(byte);
    Some(())
}

fn number(chars: &mut std::str::Chars<'_>, digits: usize) -> Option<u32> {
    (0..digits).try_fold(0, |number, _| Some(number << 4 | chars.next()?.to_digit(16)?))
}

fn character(code: u32, bytes: &mut Vec<u8>) -> Option<()> {
    let char = char::from_u32(code)?;
    bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    Some(())
}
