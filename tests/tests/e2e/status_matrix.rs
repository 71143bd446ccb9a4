//! The status matrix: what each role of OTLP does with each status, as the specification says, in one table.
//!
//! The expected column is written from the specification (its tables "Failures", "OTLP/gRPC Throttling" and
//! "OTLP/HTTP Response", gRPC's "HTTP to gRPC Status Code Mapping", RFC 9110) and not from what the program does. Run it with
//! `--nocapture` to see the table.

mod client_cells;
mod client_role;
mod server_cells;
mod server_role;

use std::fmt::Write;

/// One cell of the matrix.
pub(crate) struct Row {
    /// The rules of the conformance page that it shows.
    rules: &'static str,
    /// What came over which protocol.
    case: String,
    /// What the specification asks for.
    expected: String,
    /// What happened.
    found: String,
}

impl Row {
    fn holds(&self) -> bool {
        self.expected == self.found
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let mark = if row.holds() { "ok   " } else { "WRONG" };
        let Row {
            rules,
            case,
            expected,
            found,
        } = row;
        writeln!(text, "{mark} {rules:<8} {case:<70} {expected}").unwrap();
        if !row.holds() {
            writeln!(text, "{:<15}{:<70} {found}", "", "found:").unwrap();
        }
    }
    text
}

// conformance: S1 S2 S3 S4 S5 S7 S8 S9 S11 S12 S13 S14 S16 S17
// conformance: J1 J2 J3 J4 J5
// conformance: C1 C2 C4 C5 C6 C7 C8 C10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cell_of_the_status_matrix_is_as_the_specification_says() {
    let mut rows = client_role::rows().await;
    let client = rows.len();
    rows.extend(server_role::rows().await);
    let wrong = rows.iter().filter(|row| !row.holds()).count();
    println!("{}", table(&rows));
    println!(
        "{} cells: {client} of the client, {} of the server; {wrong} wrong",
        rows.len(),
        rows.len() - client
    );
    assert!(rows.len() >= 120);
    let wrong: Vec<Row> = rows.into_iter().filter(|row| !row.holds()).collect();
    assert!(
        wrong.is_empty(),
        "not as the specification says:\n{}",
        table(&wrong)
    );
}
