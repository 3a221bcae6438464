//! What a person may choose for `serve` and `dev`, and whether it can work.
//!
//! The builds take minutes: what would stop the server after them is said before.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::paths::Paths;

/// Where the data is kept unless said otherwise.
pub const DEFAULT_DATA: &str = "data";

/// As in the address that is listened on unless said otherwise.
const USUAL_PORT: u16 = 3000;
const POSTGRES_PORT: u16 = 5432;
const LONGEST_CONNECT: Duration = Duration::from_secs(5);

/// What a person may choose.
#[derive(Args, Debug)]
pub struct Options {
    /// The address to listen on, such as 127.0.0.1:3001, localhost:3001 or 3001.
    #[arg(long, default_value = "127.0.0.1:3000", value_parser = address)]
    pub addr: SocketAddr,
    /// The directory for everything that is kept; from the project's own, unless it is absolute.
    #[arg(long, default_value = DEFAULT_DATA)]
    pub data: PathBuf,
    /// A PostgreSQL database (`postgres://…`) instead of an SQLite file in the data directory.
    #[arg(long)]
    pub database_url: Option<String>,
    /// A demo organization without 30 days of history.
    #[arg(long)]
    pub empty: bool,
}

impl Options {
    /// Refuses what the server could not work with, naming the option that mends it.
    pub fn check(&self, paths: &Paths) -> Result<()> {
        check_address(self.addr)?;
        check_directory(&paths.in_root(&self.data))?;
        self.database_url.as_deref().map_or(Ok(()), check_database)
    }

    /// Where the server is asked: one that listens everywhere is reached on this machine's own.
    pub fn reachable(&self) -> SocketAddr {
        let ip = match self.addr.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
        };
        SocketAddr::new(ip, self.addr.port())
    }
}

/// As the server reads `--addr`: an address, a host's name, or a port of this machine's own.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let found: Vec<_> = match text.to_socket_addrs() {
        Ok(found) => found.collect(),
        Err(error) => {
            return Err(format!(
                "{error}; give it as 127.0.0.1:3001, localhost:3001 or 3001"
            ));
        }
    };
    let v4 = found.iter().find(|address| address.is_ipv4());
    v4.or(found.first())
        .copied()
        .ok_or_else(|| "this name has no address".to_owned())
}

fn check_address(addr: SocketAddr) -> Result<()> {
    ensure!(
        addr.port() != 0,
        "name the port to listen on, such as --addr 127.0.0.1:3001"
    );
    let Err(error) = TcpListener::bind(addr) else {
        return Ok(());
    };
    // Below 1024 the next one would need rights as well, and above the last there is none.
    let other = match addr.port() {
        port @ 1024..=65_534 => port + 1,
        _ => USUAL_PORT,
    };
    let other = SocketAddr::new(addr.ip(), other);
    ensure!(
        error.kind() != io::ErrorKind::AddrInUse,
        "{addr} is in use by another program; stop it, or choose another port: --addr {other}"
    );
    ensure!(
        error.kind() != io::ErrorKind::AddrNotAvailable,
        "{addr} is no address of this machine; choose another: --addr 127.0.0.1:{}",
        addr.port()
    );
    Err(error).with_context(|| format!("cannot listen on {addr}; choose another: --addr {other}"))
}

/// The directory, or the nearest one above it that is there, must take new entries.
fn check_directory(data: &Path) -> Result<()> {
    let mut nearest = data;
    while !nearest.exists() {
        nearest = nearest.parent().context("the path has no beginning")?;
    }
    ensure!(
        nearest.is_dir(),
        "the data directory {} cannot be used: {} is no directory; name another one with --data",
        data.display(),
        nearest.display()
    );
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    rustix::fs::access(nearest, access).with_context(|| {
        format!(
            "the data directory {} cannot be used: {} cannot be written to; name another one with \
             --data",
            data.display(),
            nearest.display()
        )
    })
}

/// Whether somebody listens where the address of a database leads. It may hold a password: it is
/// never repeated.
fn check_database(url: &str) -> Result<()> {
    let rest = url
        .strip_prefix("postgres://")
        .or_else(|| url.strip_prefix("postgresql://"))
        .context("--database-url must begin with postgres://, as postgres://user@host/database")?;
    let Some((host, port)) = host_and_port(rest)? else {
        return Ok(());
    };
    let connect = || -> io::Result<()> {
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, LONGEST_CONNECT) {
                Ok(_) => return Ok(()),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    };
    connect().with_context(|| {
        format!("PostgreSQL at {host}:{port} cannot be reached; start it, or see --database-url")
    })
}

/// Where `[user[:password]@]host[:port][/database][?options]` leads; `None` for a socket's file.
fn host_and_port(rest: &str) -> Result<Option<(&str, u16)>> {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let names_another = rest.contains("host=") || rest.contains("port=");
    if host.is_empty() || host.contains('%') || names_another {
        return Ok(None);
    }
    let (host, port) = match host.rsplit_once(':') {
        // The colons of `[::1]` are its own.
        Some((host, port)) if !port.ends_with(']') => {
            let port = port
                .parse()
                .context("the port in --database-url is no number")?;
            (host, port)
        }
        _ => (host, POSTGRES_PORT),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok(Some((host, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_name_or_a_port_and_a_wrong_one_has_an_example() {
        let here = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(address("3001"), Ok(here(3001)));
        assert_eq!(address("localhost:3001"), Ok(here(3001)));
        assert_eq!(
            address("[::1]:3001")
                .map(|addr| addr.to_string())
                .as_deref(),
            Ok("[::1]:3001")
        );
        for wrong in ["localhost", "http://localhost:3000", "127.0.0.1:99999"] {
            let told = address(wrong).unwrap_err();
            assert!(told.contains("127.0.0.1:3001"), "{wrong}: {told}");
        }
    }

    #[test]
    fn a_port_in_use_is_named_with_the_option_that_chooses_another() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = taken.local_addr().unwrap();
        let told = check_address(addr).unwrap_err().to_string();
        assert!(
            told.starts_with(&format!("{addr} is in use")) && told.contains("--addr 127.0.0.1:"),
            "{told}"
        );
        drop(taken);
        check_address(addr).unwrap();
    }

    #[test]
    fn a_data_directory_below_a_file_is_refused_before_the_builds() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        for data in [file.clone(), file.join("data")] {
            let told = check_directory(&data).unwrap_err().to_string();
            assert!(
                told.contains("no directory") && told.contains("--data"),
                "{told}"
            );
        }
        check_directory(&std::env::temp_dir().join("not/there/yet")).unwrap();
    }

    #[test]
    fn a_database_that_cannot_be_reached_is_named_without_its_password() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = free.local_addr().unwrap();
        let url = format!("postgres://billing:hunter2@{addr}/billing");
        check_database(&url).unwrap();
        drop(free);
        let told = format!("{:#}", check_database(&url).unwrap_err());
        assert!(
            told.contains(&addr.to_string()) && told.contains("--database-url"),
            "{told}"
        );
        let wrong = check_database("mysql://root:hunter2@db/billing").unwrap_err();
        for told in [told, format!("{wrong:#}")] {
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn a_databases_host_and_port_are_found_in_its_address() {
        for (rest, expected) in [
            ("u:p@w@db.internal:6432/b?x=1", Some(("db.internal", 6432))),
            ("db/b", Some(("db", 5432))),
            ("u@[::1]:6432", Some(("::1", 6432))),
            ("[::1]/b", Some(("::1", 5432))),
            ("/b?host=/run/postgresql", None),
            ("%2Frun%2Fpostgresql/b", None),
        ] {
            assert_eq!(host_and_port(rest).unwrap(), expected, "{rest}");
        }
        assert!(host_and_port("db:port/b").is_err());
    }
}
