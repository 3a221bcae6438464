//! Owns the `Stripe-Signature` header: `t=<seconds>,v1=<hex HMAC-SHA256 of "t.body">`, keyed with
//! the webhook secret as it is written, prefix included.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub(crate) fn header(secret: &str, seconds: i64, body: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes any key length");
    mac.update(format!("{seconds}.{body}").as_bytes());
    format!(
        "t={seconds},v1={}",
        hex::encode(mac.finalize().into_bytes())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value was made with `openssl dgst -sha256 -hmac whsec_test`.
    #[test]
    fn the_header_is_what_openssl_says() {
        let expected =
            "t=1700000000,v1=c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925";
        assert_eq!(
            header("whsec_test", 1_700_000_000, "{\"id\":\"evt_1\"}"),
            expected
        );
    }
}
