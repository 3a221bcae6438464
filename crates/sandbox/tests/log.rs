//! What the log says. Alone in its file: the log of a process is one.

mod support;

use std::sync::{Arc, Mutex};

use support::{Api, Folder, card_numbers_in, text};

/// Everything that is logged, at any level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_card_number_and_no_secret_is_in_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("the first subscriber");
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let method = api.card(support::CARD).await;
    let intent = api.charge("", &method, &[]).await.ok();
    api.get("/v1/payment_methods/4242424242424242")
        .await
        .error(404);
    let bytes = log.0.lock().expect("a lock").clone();
    let said = String::from_utf8_lossy(&bytes);
    assert!(
        said.contains("/v1/payment_intents"),
        "calls are logged: {said}"
    );
    assert_eq!(card_numbers_in(&bytes), Vec::<String>::new());
    for secret in [api.sandbox.secret_key(), text(&intent, "/client_secret")] {
        assert!(!said.contains(secret));
    }
}
