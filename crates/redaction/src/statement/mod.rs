//! Sanitised statements of databases.
//!
//! Semantic conventions for database client spans, "Sanitization of `db.query.text`": literals (text, numbers, dates and times, booleans,
//! intervals, binary and hexadecimal ones) are replaced by `?`, and lists of them behind `IN` become one. Comments are left out: they say
//! what literals say. Placeholders of parameters stay.
//!
//! Where a quote ends depends on the database. Where it is not known and two of them would disagree, the rest of the statement is hidden,
//! so that no part of a literal is taken for a name.

mod command;
mod document;
mod lexer;
mod sql;
#[cfg(test)]
mod tests;

/// What stands for a literal.
const PLACEHOLDER: &[u8] = b"?";

/// In which language a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// SQL.
    Sql(Dialect),
    /// A command and its arguments, as the command line of Redis, Valkey and Memcached has it. The command stays, and its first
    /// argument, which is the key; of `AUTH` and other commands whose first argument is no key, nothing else stays.
    Command,
    /// JSON, as MongoDB, Elasticsearch and DynamoDB have it. Names stay; values become `"?"`.
    Document,
}

/// Which SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// MySQL and MariaDB: `\` escapes in text, `"` quotes text, `#` begins a comment.
    MySql,
    /// PostgreSQL and those that speak it: `$tag$` quotes text, `"` quotes names, `\` escapes in `E'..'` only.
    PostgreSql,
    /// Microsoft SQL Server: `[` and `"` quote names.
    SqlServer,
    /// Others that keep to the standard, as Oracle, SQLite and Db2: `"` quotes names; Oracle's `q'[..]'` is text.
    Standard,
    /// It is not known: what is text in any of them is hidden, and from a place on where they differ about the end of a quote all of
    /// the rest.
    Unknown,
}

impl Language {
    /// The language of a system by its name in `db.system.name`, or in `db.system` as it was named before. Of others it is SQL of an
    /// unknown dialect.
    pub fn of_system(name: &str) -> Self {
        match name {
            "mysql" | "mariadb" => Self::Sql(Dialect::MySql),
            "postgresql" | "cockroachdb" | "aws.redshift" | "redshift" => Self::Sql(Dialect::PostgreSql),
            "microsoft.sql_server" | "mssql" => Self::Sql(Dialect::SqlServer),
            "oracle.db" | "oracle" | "sqlite" | "ibm.db2" | "db2" => Self::Sql(Dialect::Standard),
            "redis" | "valkey" | "memcached" => Self::Command,
            "mongodb" | "elasticsearch" | "opensearch" | "aws.dynamodb" | "dynamodb" | "couchdb" => {
                Self::Document
            }
            _ => Self::Sql(Dialect::Unknown),
        }
    }

    /// Writes a statement without what is to be hidden behind what is in `out`, and says whether there was anything. If there was
    /// nothing, nothing is written.
    ///
    /// SQL of an unknown dialect that is an object or an array of JSON is taken for what it is.
    pub fn sanitize(self, text: &[u8], out: &mut Vec<u8>) -> bool {
        let before = out.len();
        match self {
            Self::Sql(Dialect::Unknown) if document::is_one(text) => document::write(text, out),
            Self::Sql(dialect) => sql::write(text, dialect, out),
            Self::Command => command::write(text, out),
            Self::Document => document::write(text, out),
        }
        let is_changed = out.get(before..) != Some(text);
        if !is_changed {
            out.truncate(before);
        }
        is_changed
    }
}
