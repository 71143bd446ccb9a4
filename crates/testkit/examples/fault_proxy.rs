//! Puts a proxy that fails as it is told between real processes.
//!
//! `cargo run -p forebay-testkit --example fault_proxy -- 127.0.0.1:14317 127.0.0.1:4317` listens at the first address and
//! connects to the second. Each further argument is a command, and so is each line of standard input: `latency 50 20`,
//! `down stall`, `refuse`, `heal`, `seed 7 60`; a line that is none shows them all. It ends at the end of the input.

use forebay_testkit::fault::{Command, FaultProxy};
use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(target)) = (arguments.next(), arguments.next()) else {
        return Err("usage: fault_proxy LISTEN TARGET [COMMAND]...".into());
    };
    let (listen, target): (SocketAddr, SocketAddr) = (listen.parse()?, target.parse()?);
    // The proxy runs on its threads while this one waits for input.
    let runtime = tokio::runtime::Runtime::new()?;
    let _entered = runtime.enter();
    let proxy = FaultProxy::listen(listen, target, fastrand::u64(..))?;
    say(&format!("{} -> {target}", proxy.address()))?;
    for argument in arguments {
        runtime.block_on(argument.parse::<Command>()?.apply(&proxy));
    }
    for line in std::io::stdin().lines() {
        match line?.parse::<Command>() {
            Ok(command) => {
                runtime.block_on(command.apply(&proxy));
                say(&format!("{:?} {:?}", proxy.conditions(), proxy.counts()))?;
            }
            Err(error) => say(&error.to_string())?,
        }
    }
    Ok(())
}

fn say(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}
