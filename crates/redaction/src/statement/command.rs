//! Commands with arguments.

use super::PLACEHOLDER;

/// Commands whose first argument is no key: a password, a script, a message, a setting.
const NO_KEY: [&[u8]; 14] = [
    b"acl",
    b"auth",
    b"client",
    b"config",
    b"debug",
    b"echo",
    b"eval",
    b"eval_ro",
    b"hello",
    b"migrate",
    b"ping",
    b"script",
    b"function",
    b"sentinel",
];

/// Writes commands, one a line, without their arguments.
pub(super) fn write(text: &[u8], out: &mut Vec<u8>) {
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let mut kept = 1;
        let mut at = 0;
        let mut index = 0;
        while at < line.len() {
            let blanks = line
                .iter()
                .skip(at)
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
            out.extend_from_slice(line.get(at..at + blanks).unwrap_or_default());
            at += blanks;
            let end = argument_end(line, at);
            let argument = line.get(at..end).unwrap_or_default();
            if index == 0
                && !NO_KEY
                    .iter()
                    .any(|command| argument.eq_ignore_ascii_case(command))
            {
                kept = 2;
            }
            if !argument.is_empty() {
                out.extend_from_slice(if index < kept { argument } else { PLACEHOLDER });
            }
            (at, index) = (end, index + 1);
        }
    }
}

/// The end of an argument, quoted or not; one whose quote does not end goes on to the end.
fn argument_end(line: &[u8], at: usize) -> usize {
    let Some(quote @ (b'"' | b'\'')) = line.get(at) else {
        let rest = line.get(at..).unwrap_or_default();
        return at + rest.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
    };
    let mut index = at + 1;
    while let Some(byte) = line.get(index) {
        match byte {
            b'\\' => index += 1,
            byte if byte == quote => return index + 1,
            _ => {}
        }
        index += 1;
    }
    line.len()
}
