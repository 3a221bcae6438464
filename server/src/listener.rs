//! Accepting connections, within limits that a few clients cannot use up for everyone.
//!
//! Owns how many there are, how long one may be silent, and how they end. Does not own how long an
//! answer may take (`middleware::time_limit`).

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A connection on which no whole request head has come for so long is closed: one that is idle as
/// well as one whose headers never end. Longer than proxies keep an idle one, which is a minute as
/// a rule, so that they are not the ones who are surprised.
const LONGEST_SILENCE: Duration = Duration::from_secs(75);
/// When descriptors run out, until some are free again.
const ACCEPT_AGAIN: Duration = Duration::from_millis(500);
/// When a server ends, an answer that was made is on its way within this.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Answers on so many connections at a time until `stop`; then no more are taken, and what was
/// asked is answered.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    places: usize,
    stop: CancellationToken,
) {
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(places));
    let answering = Arc::new(watch::Sender::new(0));
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place.expect("it is never closed"),
        };
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener) => accepted,
        };
        let door = Door {
            routes: routes.clone(),
            peer,
            answering: Arc::clone(&answering),
        };
        let connection = connections.watch(door.open(stream));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                // Most of them are browsers that were closed.
                tracing::debug!(%error, %peer, "a connection ended badly");
            }
            drop(place);
        });
    }
    drop(listener);
    tokio::select! {
        () = connections.shutdown() => {}
        // What is left has not asked anything: a head that never became whole.
        () = silence(answering.subscribe()) => {}
    }
}

/// The next connection, whatever becomes of others.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "connections cannot be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// It went away before it was accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// One connection's way to the routes.
struct Door {
    routes: Router,
    peer: SocketAddr,
    answering: Arc<watch::Sender<usize>>,
}

impl Door {
    fn open(
        self,
        stream: TcpStream,
    ) -> http1::Connection<
        TokioIo<TcpStream>,
        impl hyper::service::Service<
            Request<Incoming>,
            Response = Response,
            Error = Infallible,
            Future: Send,
        > + Send,
    > {
        // Answers are written whole: waiting for more to send would only delay them. Where it is
        // refused, the connection is about to fail anyway.
        let _ = stream.set_nodelay(true);
        let service = service_fn(move |request: Request<Incoming>| {
            let Self {
                routes,
                peer,
                answering,
            } = &self;
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(*peer));
            let answer = routes.clone().oneshot(request);
            let guard = Answering::begin(answering);
            async move {
                let answer = answer.await;
                drop(guard);
                answer
            }
        });
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(LONGEST_SILENCE)
            .serve_connection(TokioIo::new(stream), service)
    }
}

/// Counts a request that is being answered.
struct Answering(Arc<watch::Sender<usize>>);

impl Answering {
    fn begin(count: &Arc<watch::Sender<usize>>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(Arc::clone(count))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Returns once nothing has been answered for a while.
async fn silence(mut answering: watch::Receiver<usize>) {
    loop {
        // The sender lives as long as the listener.
        let _ = answering.wait_for(|count| *count == 0).await;
        let begins = answering.wait_for(|count| *count > 0);
        if tokio::time::timeout(LAST_WORDS, begins).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::{Instant, timeout};

    use super::*;

    /// A connection to a server of its own, whose routes answer nothing but 404.
    async fn connect() -> (TcpStream, CancellationToken) {
        let (addr, stop) = start(1).await;
        (TcpStream::connect(addr).await.unwrap(), stop)
    }

    /// A server for so many connections at a time.
    async fn start(places: usize) -> (SocketAddr, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, Router::new(), places, stop.clone()));
        (addr, stop)
    }

    /// How long the server lets a connection be before it closes it. The clock goes on by itself.
    async fn time_until_closed(stream: &mut TcpStream) -> Duration {
        let began = Instant::now();
        let mut rest = Vec::new();
        let closed = timeout(2 * LONGEST_SILENCE, stream.read_to_end(&mut rest));
        closed.await.expect("it is closed").unwrap();
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_never_becomes_whole_is_not_waited_for() {
        let (mut stream, _stop) = connect().await;
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n")
            .await
            .unwrap();
        assert!(time_until_closed(&mut stream).await >= LONGEST_SILENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_asks_nothing_more_is_closed() {
        let (mut stream, _stop) = connect().await;
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 404");
        assert!(time_until_closed(&mut stream).await >= LONGEST_SILENCE);
    }

    #[tokio::test]
    async fn who_comes_beyond_the_places_is_answered_once_one_is_free() {
        let (addr, _stop) = start(1).await;
        let first = TcpStream::connect(addr).await.unwrap();
        let mut second = TcpStream::connect(addr).await.unwrap();
        second
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let mut answer = [0; 12];
        let early = timeout(Duration::from_millis(200), second.read(&mut answer)).await;
        assert!(early.is_err(), "it was answered beside the first");
        drop(first);
        second.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 404");
    }
}
