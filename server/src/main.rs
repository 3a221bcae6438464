//! `zerogpu-billing`: see `zerogpu-billing --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::commands::main()
}
