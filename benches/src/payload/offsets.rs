//! Where fields stand in an encoded request.

use crate::Result;
use forebay_otlp::Cursor;

pub(super) type Visit<'v> = dyn FnMut(&[u8], usize) -> Result<()> + 'v;

/// Calls `visit` with the content of each field of this number, and where it starts.
pub(super) fn each(message: &[u8], at: usize, number: u32, visit: &mut Visit<'_>) -> Result<()> {
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.next_field()? {
        if field.number == number
            && let Some(content) = field.bytes()
        {
            visit(content, at + cursor.position() - content.len())?;
        }
    }
    Ok(())
}
