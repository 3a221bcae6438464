//! Whether a server answers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const LONGEST_CONNECT: Duration = Duration::from_secs(1);
const LONGEST_ANSWER: Duration = Duration::from_secs(5);

/// Whether `GET /readyz` answers 200. Nothing else here speaks HTTP, so it is spoken by hand.
pub fn is_ready(addr: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&addr, LONGEST_CONNECT)?;
        stream.set_read_timeout(Some(LONGEST_ANSWER))?;
        // In one piece: whoever reads once has all of it.
        let request = format!("GET /readyz HTTP/1.0\r\nHost: {addr}\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| {
        answer
            .lines()
            .next()
            .is_some_and(|line| line.contains(" 200 "))
    })
}
