//! Where the server is reached, and what follows from it for cookies.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use clap::{ArgAction, Args};
use http::{HeaderName, Uri};

/// The address, as the machine and as people know it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub struct AddressConfig {
    /// Address and port to listen on, such as 0.0.0.0:3000, localhost:3000 or 3000
    #[arg(
        long,
        value_name = "ADDR",
        env = "BILLING_ADDR",
        default_value = "127.0.0.1:3000",
        value_parser = listening_address
    )]
    pub addr: SocketAddr,

    /// Address that people open, such as https://billing.example.com [default: http://ADDR]
    #[arg(long, value_name = "URL", env = "BILLING_PUBLIC_URL")]
    pub public_url: Option<String>,
}

/// How requests are taken.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub struct ListenConfig {
    #[command(flatten)]
    pub address: AddressConfig,

    /// Whether session cookies need https [default: yes, unless the address is plain http on this machine]
    #[arg(long, value_name = "BOOL", env = "BILLING_SECURE_COOKIES", action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub secure_cookies: Option<bool>,

    /// Header in which a proxy of yours writes the client's address, such as x-forwarded-for
    #[arg(long, value_name = "NAME", env = "BILLING_CLIENT_ADDRESS_HEADER")]
    pub client_address_header: Option<HeaderName>,
}

/// The public address, checked: scheme and authority, no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: String,
    authority: String,
}

/// Why a public address is not usable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "--public-url must be http://HOST or https://HOST with an optional port, without a user before \
     it and with nothing behind it"
)]
pub struct PublicUrlError;

/// Settings that can be right, and with which people will usually fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Others open the pages at an address that only this machine has.
    UnknownFromOutside,
    /// A browser drops cookies that need https.
    CookiesWithoutHttps,
    /// Whoever is on the way reads sessions.
    SessionsInClear,
}

impl Doubt {
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::UnknownFromOutside => {
                "listening on every address, but pages are said to be at this machine's own: set \
                 --public-url to the address that people open"
            }
            Self::CookiesWithoutHttps => {
                "nobody can stay signed in: session cookies need https and the pages' address is \
                 plain http; put TLS in front and set --public-url https://HOST, or, on a network \
                 that you trust, --secure-cookies false"
            }
            Self::SessionsInClear => {
                "sessions and passwords can be read on their way: the pages' address is plain http; \
                 put TLS in front and set --public-url https://HOST"
            }
        }
    }
}

impl AddressConfig {
    /// The public address; `bound` is what the system gave for port 0.
    ///
    /// # Errors
    /// When the setting is not an http(s) address without a path.
    pub fn public_url(&self, bound: SocketAddr) -> Result<PublicUrl, PublicUrlError> {
        match &self.public_url {
            Some(text) => PublicUrl::parse(text),
            None => Ok(PublicUrl {
                scheme: "http".to_owned(),
                authority: reachable(bound).to_string(),
            }),
        }
    }
}

impl ListenConfig {
    /// Whether cookies carry `Secure`: the setting, or what the public address allows.
    #[must_use]
    pub fn cookies_are_secure(&self, public_url: &PublicUrl) -> bool {
        self.secure_cookies
            .unwrap_or(!public_url.is_plain_loopback())
    }

    /// What the operator should know of these settings; `bound` is where the server listens.
    #[must_use]
    pub fn doubts(&self, bound: SocketAddr, public_url: &PublicUrl) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        if bound.ip().is_unspecified() && self.address.public_url.is_none() {
            doubts.push(Doubt::UnknownFromOutside);
        }
        if !public_url.is_https() && self.cookies_are_secure(public_url) {
            doubts.push(Doubt::CookiesWithoutHttps);
        } else if !public_url.is_https() && !public_url.is_plain_loopback() {
            doubts.push(Doubt::SessionsInClear);
        }
        doubts
    }
}

/// An address with its port, a host's name with one, or a port of this machine's own.
fn listening_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let found: Vec<_> = text
        .to_socket_addrs()
        .map_err(|error| format!("{error}; give it as 127.0.0.1:3000, localhost:3000 or 3000"))?
        .collect();
    // `localhost` is both: what is shown to people should be the one that they know.
    let v4 = found.iter().find(|address| address.is_ipv4());
    v4.or(found.first())
        .copied()
        .ok_or_else(|| "this name has no address".to_owned())
}

/// An address to connect to: a server that listens everywhere is reached on this machine's own.
#[must_use]
pub fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, bound.port())
}

impl PublicUrl {
    fn parse(text: &str) -> Result<Self, PublicUrlError> {
        let uri: Uri = text
            .trim_end_matches('/')
            .parse()
            .map_err(|_| PublicUrlError)?;
        let parts = uri.into_parts();
        let has_path = parts
            .path_and_query
            .is_some_and(|path| path.as_str() != "/");
        match (parts.scheme, parts.authority) {
            (Some(scheme), Some(authority))
                if !has_path && matches!(scheme.as_str(), "http" | "https") =>
            {
                let scheme = scheme.to_string();
                let authority = as_browsers_write(&scheme, authority.as_str())?;
                Ok(Self { scheme, authority })
            }
            _ => Err(PublicUrlError),
        }
    }

    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// As a browser writes it in `Origin`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// Browsers refuse `Secure` cookies from plain http, even on some loopback names.
    fn is_plain_loopback(&self) -> bool {
        let host = match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => self.authority.as_str(),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_loopback =
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        !self.is_https() && is_loopback
    }
}

/// In lower case and without the port that goes without saying: what a browser sends in `Origin` is
/// compared byte by byte.
fn as_browsers_write(scheme: &str, authority: &str) -> Result<String, PublicUrlError> {
    if authority.contains('@') || authority.is_empty() {
        return Err(PublicUrlError);
    }
    let usual_port = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.to_ascii_lowercase();
    let host = authority.strip_suffix(usual_port);
    Ok(host.unwrap_or(&authority).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(public_url: Option<&str>, secure_cookies: Option<bool>) -> ListenConfig {
        let addr = "127.0.0.1:3000".parse().unwrap();
        ListenConfig {
            address: AddressConfig {
                addr,
                public_url: public_url.map(str::to_owned),
            },
            secure_cookies,
            client_address_header: None,
        }
    }

    fn public_url(listen: &ListenConfig) -> Result<PublicUrl, PublicUrlError> {
        listen.address.public_url(listen.address.addr)
    }

    #[test]
    fn cookies_need_https_unless_the_address_is_plain_http_on_this_machine() {
        let cases = [
            (None, None, false),
            (None, Some(true), true),
            (Some("http://localhost:3000"), None, false),
            (Some("http://[::1]:3000"), None, false),
            (Some("http://billing.example.com"), None, true),
            (Some("https://billing.example.com"), None, true),
            (Some("https://localhost"), None, true),
        ];
        for (url, setting, expected) in cases {
            let listen = listen(url, setting);
            let public_url = public_url(&listen).unwrap();
            assert_eq!(
                listen.cookies_are_secure(&public_url),
                expected,
                "{url:?} {setting:?}"
            );
        }
    }

    #[test]
    fn a_public_address_is_an_origin_and_nothing_more() {
        for text in [
            "billing.example.com",
            "ftp://x.example",
            "https://x.example/path",
            "https://user:secret@x.example",
            "",
            "/",
        ] {
            let listen = listen(Some(text), None);
            assert_eq!(public_url(&listen), Err(PublicUrlError), "{text}");
        }
        let listen = listen(Some("https://billing.example.com/"), None);
        assert_eq!(
            public_url(&listen).unwrap().origin(),
            "https://billing.example.com"
        );
    }

    #[test]
    fn a_public_address_is_written_as_browsers_write_their_origin() {
        for (text, origin) in [
            (
                "https://Billing.Example.com:443",
                "https://billing.example.com",
            ),
            (
                "http://billing.example.com:80/",
                "http://billing.example.com",
            ),
            (
                "https://billing.example.com:80",
                "https://billing.example.com:80",
            ),
            ("HTTPS://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
        ] {
            let listen = listen(Some(text), None);
            assert_eq!(public_url(&listen).unwrap().origin(), origin, "{text}");
        }
    }

    #[test]
    fn settings_with_which_people_fail_are_named() {
        let doubts = |url: Option<&str>, cookies, bound: &str| {
            let listen = listen(url, cookies);
            let bound = bound.parse().unwrap();
            let public_url = listen.address.public_url(bound).unwrap();
            listen.doubts(bound, &public_url)
        };
        let (everywhere, here) = ("0.0.0.0:3000", "127.0.0.1:3000");
        let https = Some("https://billing.example.com");
        let http = Some("http://192.168.1.5:3000");
        assert_eq!(doubts(None, None, here), []);
        assert_eq!(doubts(https, None, everywhere), []);
        assert_eq!(doubts(None, None, everywhere), [Doubt::UnknownFromOutside]);
        assert_eq!(
            doubts(None, None, "192.168.1.5:3000"),
            [Doubt::CookiesWithoutHttps]
        );
        assert_eq!(doubts(http, None, here), [Doubt::CookiesWithoutHttps]);
        assert_eq!(doubts(http, Some(false), here), [Doubt::SessionsInClear]);
    }

    #[test]
    fn an_address_may_be_a_name_or_a_port_and_a_wrong_one_has_an_example() {
        let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        assert_eq!(listening_address("3001"), Ok(here(3001)));
        assert_eq!(listening_address("localhost:3001"), Ok(here(3001)));
        assert_eq!(listening_address("127.0.0.1:0"), Ok(here(0)));
        for wrong in ["localhost", "http://localhost:3000", "127.0.0.1:99999"] {
            let told = listening_address(wrong).unwrap_err();
            assert!(told.contains("127.0.0.1:3000"), "{wrong}: {told}");
        }
    }

    #[test]
    fn a_server_that_listens_everywhere_is_reached_on_loopback() {
        assert_eq!(
            reachable("0.0.0.0:80".parse().unwrap()),
            "127.0.0.1:80".parse().unwrap()
        );
        assert_eq!(
            reachable("[::]:80".parse().unwrap()),
            "[::1]:80".parse().unwrap()
        );
    }
}
