//! `serve`: until a signal comes.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::lifecycle::{ServeConfig, Server};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ServeConfig,
}

/// What a terminal and the program above us send for one and the same key press comes within this.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// A second signal ends the process at once: the way out when ending takes too long.
pub(super) async fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let server = tokio::select! {
        started = Server::start(&args.config) => started?,
        () = signals.next() => anyhow::bail!("stopped by a signal before it answered"),
    };
    signals.next().await;
    tokio::select! {
        () = server.stop() => Ok(()),
        () = signals.another() => anyhow::bail!("stopped at once by a second signal"),
    }
}

/// The signals that ask a server to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// The next one that somebody sent after they could see that the first one came.
    async fn another(&mut self) {
        let first = Instant::now();
        loop {
            self.next().await;
            if first.elapsed() > SAME_SIGNAL {
                return;
            }
        }
    }
}
