//! The command line: what can be asked for, and the exit codes.

use crate::admin::cardinality::top;
use crate::out::Out;
use crate::{commands, run};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use forebay_config::Input;
use forebay_core::{CardinalityQuery, Ranking};
use std::net::SocketAddr;
use std::process::ExitCode;

/// Why the process ended. Documented in the help and in `docs/reference/cli.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; of `run`: drained, nothing that was held is undelivered.
    Done = 0,
    /// It failed while running: a port in use, a component that cannot start, an endpoint that does not answer.
    Failed = 1,
    /// The command line or the config is wrong.
    Config = 2,
    /// The drain deadline passed with data undelivered.
    Undelivered = 3,
    /// A second signal ended it at once.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0    done; of `run`: drained
  1    failed while running: a port in use, an endpoint that does not answer, ...
  2    the command line or the config is wrong
  3    the drain deadline passed with data undelivered
  130  ended at once by a second signal";

/// The config that runs when none is given.
const DEFAULT: &str = include_str!("../../../configs/default.toml");

/// An OpenTelemetry pipeline: receivers, processors and exporters over bounded channels.
///
/// Without a command and without a config it runs the embedded default: OTLP in on this machine, a readable summary out.
#[derive(Debug, Parser)]
#[command(name = "forebay", version, after_help = EXIT_CODES, args_conflicts_with_subcommands = true, term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Where the config comes from.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ConfigArgs {
    /// A config: a file, a directory of *.toml files, or `env:NAME` for a variable that holds the text. Several are
    /// merged. Left out: the embedded default.
    #[arg(long, short, value_name = "PATH|DIR|env:NAME")]
    config: Vec<String>,
}

impl ConfigArgs {
    /// What to load.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        if self.config.is_empty() {
            vec![Input::text("default.toml (embedded)", DEFAULT)]
        } else {
            self.config.iter().map(|word| Input::parse(word)).collect()
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the pipeline until it is told to stop.
    ///
    /// SIGTERM and SIGINT begin draining: nothing new is taken, what is held is delivered, for at most
    /// `shutdown.deadline`. A second signal ends at once.
    Run(ConfigArgs),
    /// Check a config, and say what it promises.
    ///
    /// Every mistake is reported at once. Of a sound config: where each receiver's data is acknowledged and what a crash
    /// at that point would lose, and what of the memory budget it may hold.
    Validate(ValidateArgs),
    /// Draw the graph of a config.
    Graph(GraphArgs),
    /// List the components that this binary has, or explain one type.
    Components(ComponentsArgs),
    /// Print the schema of config files: JSON Schema for editors, or the reference of the process' settings.
    Schema {
        /// How to print it.
        #[arg(long, value_enum, default_value_t = SchemaFormat::Json)]
        format: SchemaFormat,
    },
    /// Print a config with every default, and where each value came from. Secrets are shown as ***.
    Config(ConfigArgs),
    /// Ask a running Forebay whether it is live, or ready: for a container's health check.
    Health(HealthArgs),
    /// Ask a running Forebay why a trace was kept, was not kept, or is still waited for.
    ///
    /// Asks every processor that decides on traces. Decisions are remembered for a while: a trace that nobody knows of is either
    /// unknown or forgotten.
    Why(WhyArgs),
    /// Ask a running Forebay which metrics have how many series, and which attribute makes them.
    ///
    /// Shows, for each processor that limits cardinality: the metrics with most series, how fast they grow, what found no place, and
    /// the attribute whose removal would save most, with some of its values; groups against their budgets; limited values of spans
    /// and log records; and the line of config that ends what is worst.
    Cardinality(CardinalityArgs),
    /// List every metric that /metrics may show.
    Metrics {
        /// How to print them.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Print a script that completes this command line in a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual.
    Man {
        /// How to print it.
        #[arg(long, value_enum, default_value_t = ManFormat::Roff)]
        format: ManFormat,
    },
}

#[derive(Args, Debug)]
pub(crate) struct ValidateArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// How to print what was found: for people, for programs, or as annotations of GitHub Actions.
    #[arg(long, value_enum, default_value_t = ValidateFormat::Text)]
    pub(crate) format: ValidateFormat,
    /// Take warnings for errors.
    #[arg(long)]
    pub(crate) deny_warnings: bool,
}

#[derive(Args, Debug)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// How to draw it.
    #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
    pub(crate) format: GraphFormat,
}

#[derive(Args, Debug)]
pub(crate) struct ComponentsArgs {
    /// A component's type, such as `otlp`; or `receivers`, `processors`, `exporters` for all of one role.
    pub(crate) kind: Option<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Args, Debug)]
pub(crate) struct HealthArgs {
    /// The address of the admin endpoint.
    #[arg(long, default_value = "127.0.0.1:8888", value_name = "ADDRESS:PORT")]
    pub(crate) admin: SocketAddr,
    /// Ask whether it takes data, not just whether it lives.
    #[arg(long)]
    pub(crate) ready: bool,
}

#[derive(Args, Debug)]
pub(crate) struct WhyArgs {
    /// The trace: 32 hexadecimal digits.
    #[arg(value_parser = trace_id)]
    pub(crate) trace_id: String,
    /// The address of the admin endpoint.
    #[arg(long, default_value = "127.0.0.1:8888", value_name = "ADDRESS:PORT")]
    pub(crate) admin: SocketAddr,
}

#[derive(Args, Debug)]
pub(crate) struct CardinalityArgs {
    /// What comes first: `live` (most series), `growth` (most new series in a minute) or `overflow` (most data points without a
    /// place).
    #[arg(long, default_value_t = Ranking::Live)]
    pub(crate) by: Ranking,
    /// How many metrics, groups and values to show, 1 to 100 of each.
    #[arg(long, default_value_t = CardinalityQuery::TOP, value_parser = top)]
    pub(crate) top: usize,
    /// Only this group, as the report names it: `service.name=checkout`.
    #[arg(long)]
    pub(crate) group: Option<String>,
    /// Print what the endpoint answers: JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The address of the admin endpoint.
    #[arg(long, default_value = "127.0.0.1:8888", value_name = "ADDRESS:PORT")]
    pub(crate) admin: SocketAddr,
}

fn trace_id(text: &str) -> Result<String, String> {
    if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("a trace id has 32 hexadecimal digits".to_owned())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ValidateFormat {
    Text,
    Json,
    Github,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    Text,
    Dot,
    Mermaid,
    Svg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
    Markdown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    Json,
    Markdown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ManFormat {
    Roff,
    Markdown,
}

/// Does what the command line asks for.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, with exit code 0. Nobody is left to tell if the output is gone.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        }
    };
    let out = Out;
    let exit = match cli.command {
        None => run::run(&cli.config.inputs()),
        Some(Command::Run(config)) => run::run(&config.inputs()),
        Some(Command::Validate(args)) => commands::validate::validate(&args, out),
        Some(Command::Graph(args)) => commands::graph::graph(&args, out),
        Some(Command::Components(args)) => commands::components::components(&args, out),
        Some(Command::Schema { format }) => commands::schema::schema(format, out),
        Some(Command::Config(config)) => commands::config::config(&config.inputs(), out),
        Some(Command::Health(args)) => commands::health::health(&args, out),
        Some(Command::Why(args)) => commands::why::why(&args, out),
        Some(Command::Cardinality(args)) => commands::cardinality::cardinality(&args, out),
        Some(Command::Metrics { format }) => commands::metrics::metrics(format, out),
        Some(Command::Completions { shell }) => commands::manual::completions(shell, out),
        Some(Command::Man { format }) => commands::manual::manual(format, out),
    };
    exit.into()
}

/// The command line, as clap describes it.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}
