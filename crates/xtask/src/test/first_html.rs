//! How long a page takes from the request to its last byte, on this machine's own address.
//!
//! Times of a shared machine mean little by themselves, so pages are asked for in turn with a file of
//! the same server and with its simplest page, and the best of many counts: what is slow at its best
//! is slow.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::outside::server::Server;
use crate::budget::{FirstHtml, Page};
use crate::paths::Paths;
use crate::process;

/// What costs the server nothing but answering.
const FILE: &str = "/favicon.svg";
/// The page that the others are compared with: no session, no data.
const SIGN_IN: &str = "/login";
const PAGES: [&str; 3] = ["/billing", "/billing/history", "/models"];
const TIMES: usize = 60;
/// Longer than any page takes on the busiest machine.
const LONGEST: Duration = Duration::from_secs(10);

/// Measures the shipped form of the server, unoptimised, with the demo's month of history.
pub fn measure(paths: &Paths) -> Result<FirstHtml> {
    let binary = paths.self_contained_server();
    let server = process::step("starting a server to be measured", || {
        Server::start_program(binary, None, None)
    })?;
    let visitor = Visitor::sign_in(&server)?;
    let mut best = BTreeMap::new();
    let mut bytes = BTreeMap::new();
    for _ in 0..TIMES {
        for path in [FILE, SIGN_IN].into_iter().chain(PAGES) {
            let (time, size) = visitor.get(path)?;
            let least = best.entry(path).or_insert(time);
            *least = time.min(*least);
            bytes.insert(path, size);
        }
    }
    server.stop()?;
    let microseconds = |path| best[path].saturating_sub(best[FILE]).as_micros();
    let mut pages = FirstHtml::new();
    for path in [SIGN_IN].into_iter().chain(PAGES) {
        let page = Page {
            brotli: bytes[path],
            percent_of_sign_in: u64::try_from(
                best[path].as_nanos() * 100 / best[SIGN_IN].as_nanos().max(1),
            )?,
            microseconds: u64::try_from(microseconds(path))?,
        };
        pages.insert(path.to_owned(), page);
    }
    Ok(pages)
}

/// A browser, spoken by hand: nothing else here speaks HTTP.
struct Visitor {
    host: String,
    cookie: String,
}

impl Visitor {
    fn sign_in(server: &Server) -> Result<Self> {
        let mut visitor = Self {
            host: server.url.trim_start_matches("http://").to_owned(),
            cookie: String::new(),
        };
        // Neither of the two has a character that a form would write otherwise, but for the `@`.
        let form = format!(
            "email={}&password={}&next=",
            server.demo.email.replace('@', "%40"),
            server.demo.password
        );
        let head = format!(
            "POST /api/sign_in HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            visitor.host,
            form.len()
        );
        let answer = visitor.ask(&head)?;
        let answer = String::from_utf8_lossy(&answer);
        let cookie = answer
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, value)| {
                name.eq_ignore_ascii_case("set-cookie") && value.contains("session=")
            });
        let (_, cookie) = cookie.context("the demo's owner cannot sign in")?;
        let cookie = cookie.split(';').next().unwrap_or_default();
        visitor.cookie = format!("Cookie: {cookie}\r\n");
        Ok(visitor)
    }

    /// How long a page took, and its bytes as they travelled.
    fn get(&self, path: &str) -> Result<(Duration, u64)> {
        let cookie = if path == SIGN_IN { "" } else { &self.cookie };
        let head = format!(
            "GET {path} HTTP/1.0\r\nHost: {}\r\nAccept: text/html\r\nAccept-Encoding: br\r\n\
             {cookie}\r\n",
            self.host
        );
        let began = Instant::now();
        let answer = self.ask(&head)?;
        let time = began.elapsed();
        let end = answer
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")
            .context("an answer without an end of its head")?;
        let head = String::from_utf8_lossy(&answer[..end]);
        let status = head.lines().next().unwrap_or_default();
        ensure!(status.contains(" 200 "), "{path}: {status}");
        Ok((time, u64::try_from(answer.len() - end - 4)?))
    }

    fn ask(&self, request: &str) -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LONGEST))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        if stream.read_to_end(&mut answer)? == 0 {
            bail!("the server closed the connection without an answer");
        }
        Ok(answer)
    }
}
