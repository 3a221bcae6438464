//! A gateway for tests that says exactly what it is told to, connection by connection, and writes
//! down what it was asked: for the answers that no well-behaved processor gives.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use types::payment::TokenizerView;

use crate::GatewaySettings;
use crate::payments::gateway::Gateway;

/// What one connection brings.
pub(super) enum Turn {
    Answer(u16, Value),
    AnswerWith(u16, &'static [(&'static str, &'static str)], String),
    /// The request is read, and the connection closed.
    HangUp,
    /// The answer breaks off in the middle.
    BreakOff,
    /// Nothing, until the caller leaves or so much time has passed.
    Silence(Duration),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// `POST /v1/payment_intents`
    pub(super) line: String,
    /// Names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

pub(super) struct Scripted {
    pub(super) gateway: Gateway,
    seen: Arc<Mutex<Vec<Seen>>>,
}

pub(super) fn settings(base_url: &str, secret_key: &str, timeout: Duration) -> GatewaySettings {
    GatewaySettings {
        base_url: base_url.to_owned(),
        secret_key: SecretString::from(secret_key),
        webhook_secrets: Vec::new(),
        tokenizer: TokenizerView {
            url: String::new(),
            publishable_key: String::new(),
            takes_link: false,
        },
        return_url: None,
        timeout,
    }
}

impl Scripted {
    /// Plays `turns`, one a connection; after the last, nobody listens.
    pub(super) fn play(turns: Vec<Turn>) -> Self {
        Self::play_within(Duration::from_secs(10), turns)
    }

    pub(super) fn play_within(timeout: Duration, turns: Vec<Turn>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/base/", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        std::thread::spawn(move || {
            for turn in turns {
                let Ok((stream, _)) = listener.accept() else {
                    return;
                };
                take_turn(stream, turn, &notes);
            }
        });
        let gateway = Gateway::new(&settings(&url, "sk_test_scripted", timeout)).unwrap();
        Self { gateway, seen }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn take_turn(mut stream: TcpStream, turn: Turn, notes: &Mutex<Vec<Seen>>) {
    let request = read_request(&mut BufReader::new(&stream));
    notes.lock().unwrap().push(request);
    let (status, headers, body, length) = match turn {
        Turn::Answer(status, value) => {
            let body = value.to_string();
            let length = body.len();
            (status, &[][..], body, length)
        }
        Turn::AnswerWith(status, headers, body) => {
            let length = body.len();
            (status, headers, body, length)
        }
        Turn::BreakOff => (200, &[][..], "{\"id\":".to_owned(), 1_000),
        Turn::HangUp => return,
        Turn::Silence(duration) => return wait_for_the_caller_to_leave(stream, duration),
    };
    let mut answer = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
    for (name, value) in headers {
        answer.push_str(&format!("{name}: {value}\r\n"));
    }
    answer.push_str(&format!("content-length: {length}\r\n\r\n{body}"));
    // A caller that has left is what some tests are about.
    let _ = stream.write_all(answer.as_bytes());
}

fn wait_for_the_caller_to_leave(mut stream: TcpStream, at_most: Duration) {
    stream.set_read_timeout(Some(at_most)).unwrap();
    let _ = stream.read(&mut [0]);
}

fn read_request(stream: &mut impl BufRead) -> Seen {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Seen {
        line,
        headers,
        body: String::from_utf8(body).unwrap(),
    }
}
