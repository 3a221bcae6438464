//! A client that costs hardly anything: what is measured is the server.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What came back.
pub struct Answers {
    /// Answers a second.
    pub rate: f64,
    /// How long each took, in milliseconds.
    pub taken: Vec<f64>,
}

impl Answers {
    /// What the clients, which began at `start`, have seen.
    pub async fn of(mut clients: JoinSet<Vec<f64>>, start: Instant) -> Self {
        let mut taken = Vec::new();
        while let Some(done) = clients.join_next().await {
            taken.extend(done.expect("a client ends well"));
        }
        let rate = taken.len() as f64 / start.elapsed().as_secs_f64();
        Self { rate, taken }
    }
}

/// One kept connection with one request at a time.
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    pub async fn open(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.expect("the server listens");
        stream.set_nodelay(true).expect("a fresh socket takes it");
        Self {
            stream,
            read: Vec::with_capacity(4_096),
        }
    }

    /// Sends a request and waits for the whole answer. Returns its status.
    pub async fn ask(&mut self, request: &[u8]) -> u16 {
        self.stream.write_all(request).await.expect("it is sent");
        self.read.clear();
        loop {
            let count = self
                .stream
                .read_buf(&mut self.read)
                .await
                .expect("an answer");
            assert!(count > 0, "the server closed the connection");
            if let Some(status) = whole(&self.read) {
                return status;
            }
        }
    }
}

impl Connection {
    /// The text of the field `id` in the last answer.
    pub fn id(&self) -> String {
        let answer = String::from_utf8_lossy(&self.read);
        let (_, after) = answer.split_once(r#""id":""#).expect("an id");
        after.split_once('"').expect("its end").0.to_owned()
    }
}

/// The status, once head and body are there.
fn whole(read: &[u8]) -> Option<u16> {
    let head_length = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&read[..head_length]).expect("heads are ASCII");
    let status = head.get(9..12)?.parse().expect("a status");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().expect("a length"))
    });
    (read.len() >= head_length + length.unwrap_or(0)).then_some(status)
}
