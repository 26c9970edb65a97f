//! Where a queue is and how to get in.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::{ConnectErrorKind, ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;
use url::Url;

use super::error::NatsError;
use super::names::Names;

/// The queue's name if the address has none.
const USUAL_NAME: &str = "nosc";
/// How long a server may take to answer the first time.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages of a subscription that wait here, before more are thrown away.
const BACKLOG: usize = 4_096;
/// A connection that says nothing for three times this is made anew.
const PING: Duration = Duration::from_secs(10);

/// How to get in, besides what the address says.
#[derive(Clone, Default)]
pub struct Credentials {
    /// A user's name and password.
    pub user: Option<(String, String)>,
    /// A token.
    pub token: Option<String>,
    /// A file with a JWT and its seed.
    pub creds: Option<PathBuf>,
    /// A file with the seed of an `NKey`.
    pub nkey: Option<PathBuf>,
    /// Certificates of who signs the server's.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// A queue on a server, or on a cluster of them.
#[derive(Clone)]
pub struct Address {
    servers: Vec<ServerAddr>,
    pub(super) names: Names,
    credentials: Credentials,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// Without what is secret.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.server())?;
        if self.names.queue() == USUAL_NAME { Ok(()) } else { write!(f, "/{}", self.names.queue()) }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl Address {
    /// Reads `nats://HOST:PORT/NAME`: several servers of a cluster with commas between, the name after the last.
    ///
    /// # Errors
    ///
    /// [`NatsError::Address`].
    pub fn parse(text: &str, mut credentials: Credentials) -> Result<Self, NatsError> {
        let wrong = |reason: String| NatsError::Address { text: masked(text), reason };
        let mut names = Names::new(USUAL_NAME)?;
        let mut servers = Vec::new();
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        for (index, part) in parts.iter().enumerate() {
            let address =
                if part.contains("://") { (*part).to_owned() } else { format!("nats://{part}") };
            // The parser's words may hold a password.
            let address: ServerAddr =
                address.parse().map_err(|_| wrong("it cannot be read".to_owned()))?;
            let mut url = address.into_inner();
            if !matches!(url.scheme(), "nats" | "tls") || url.host_str().is_none_or(str::is_empty) {
                return Err(wrong("it has no host, or is of another kind".to_owned()));
            }
            if url.query().is_some() || url.fragment().is_some() {
                return Err(wrong("it has a `?` or `#`".to_owned()));
            }
            let path = url.path().trim_matches('/').to_owned();
            if !path.is_empty() {
                if index + 1 < parts.len() {
                    return Err(wrong("the name of the queue stands at its end".to_owned()));
                }
                names = Names::new(&path).map_err(|_| {
                    wrong(format!("`{path}` is no name: letters, digits, `-` and `_`, up to 64"))
                })?;
            }
            url.set_path("");
            take_user(&mut url, &mut credentials);
            servers.push(ServerAddr::from_url(url).map_err(|error| wrong(error.to_string()))?);
        }
        Ok(Self { servers, names, credentials })
    }

    /// The server without what is secret, for people.
    pub fn server(&self) -> String {
        let shown = |server: &ServerAddr| {
            format!("{}://{}:{}", server.scheme(), server.host(), server.port())
        };
        self.servers.iter().map(shown).collect::<Vec<_>>().join(",")
    }

    /// A connection, which is made anew whenever it breaks.
    pub(super) async fn connect(
        &self,
        name: &str,
        on_event: impl Fn(async_nats::Event) + Send + Sync + 'static,
    ) -> Result<async_nats::Client, NatsError> {
        let on_event = std::sync::Arc::new(on_event);
        let options = self
            .options()
            .await?
            .name(name)
            .connection_timeout(PATIENCE)
            .ping_interval(PING)
            .max_reconnects(None)
            .subscription_capacity(BACKLOG)
            .event_callback(move |event| {
                let on_event = std::sync::Arc::clone(&on_event);
                async move { on_event(event) }
            });
        let connected = options.connect(self.servers.clone()).await;
        connected.map_err(|error| {
            let (server, reason) = (self.server(), error.to_string());
            let nothing =
                "nothing listens there; is `nats-server -js` running, and is the port right?";
            let is_refused = reason.contains("Connection refused");
            let reason = if is_refused { nothing.to_owned() } else { reason };
            match error.kind() {
                ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                    NatsError::Refused { server, reason }
                }
                _ => NatsError::Connect { server, reason },
            }
        })
    }

    async fn options(&self) -> Result<ConnectOptions, NatsError> {
        let Credentials { user, token, creds, nkey, ca, certificate } = &self.credentials;
        let mut options = ConnectOptions::new();
        let is_tls = self.servers.iter().any(ServerAddr::tls_required);
        if is_tls || ca.is_some() || certificate.is_some() {
            options = options.require_tls(true);
        }
        if let Some((user, password)) = user {
            options = options.user_and_password(user.clone(), password.clone());
        }
        if let Some(token) = token {
            options = options.token(token.clone());
        }
        if let Some(path) = creds {
            std::fs::metadata(path).map_err(|error| unusable(path, &error))?;
            let read = options.credentials_file(path).await;
            options = read.map_err(|error| unusable(path, &error))?;
        }
        if let Some(path) = nkey {
            let seed = std::fs::read_to_string(path).map_err(|error| unusable(path, &error))?;
            options = options.nkey(seed.trim().to_owned());
        }
        for path in ca.iter().chain(certificate.iter().flat_map(|(own, key)| [own, key])) {
            std::fs::metadata(path).map_err(|error| unusable(path, &error))?;
        }
        if let Some(path) = ca {
            options = options.add_root_certificates(path.clone());
        }
        if let Some((own, key)) = certificate {
            options = options.add_client_certificate(own.clone(), key.clone());
        }
        Ok(options)
    }
}

/// Moves a user, or a token, out of an address: the client only looks for them elsewhere.
fn take_user(url: &mut Url, credentials: &mut Credentials) {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    match (decoded(url.username()), url.password().map(decoded)) {
        (user, Some(password)) => credentials.user = Some((user, password)),
        (token, None) if !token.is_empty() => credentials.token = Some(token),
        _ => return,
    }
    // An address with a host takes both.
    url.set_username("").and_then(|()| url.set_password(None)).unwrap_or_default();
}

fn unusable(path: &Path, error: &std::io::Error) -> NatsError {
    let reason = match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    NatsError::File { path: path.display().to_string(), reason }
}

/// An address without what stands before the last `@`: a password may hold anything.
fn masked(text: &str) -> String {
    let Some((secret, rest)) = text.rsplit_once('@') else { return text.to_owned() };
    match secret.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://***@{rest}"),
        None => format!("***@{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, Credentials};

    fn parse(text: &str) -> Result<Address, String> {
        Address::parse(text, Credentials::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_has_servers_and_a_name() {
        for (text, shown) in [
            ("nats://host", "nats://host:4222"),
            ("host:1/nosc", "nats://host:1"),
            ("tls://host:99/team-a", "tls://host:99/team-a"),
            ("nats://a:1,nats://b:2/x", "nats://a:1,nats://b:2/x"),
            ("nats://[::1]:4222", "nats://::1:4222"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), shown);
        }
        for wrong in [
            "",
            "http://host",
            "nats://",
            "nats://h/a/b",
            "nats://h/a.b",
            "nats://a/x,nats://b",
            "nats://h:99999",
            "nats://h?x",
        ] {
            assert!(parse(wrong).unwrap_err().contains("nats://HOST:4222"), "{wrong}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let address = parse("nats://me:hunter2@host,nats://me:hunter2@other/x").unwrap();
        assert_eq!(address.to_string(), "nats://host:4222,nats://other:4222/x");
        assert!(!format!("{address:?}").contains("hunter2"));
        for wrong in [
            "nats://me:hunter2@host/a.b",
            "me:hunter2@host:x",
            "nats://me:hunter2@host:99999",
            "nats://me:hun,ter2@host",
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(!error.contains("hun"), "{error}");
        }
        let user = Some(("me".to_owned(), "hunter2".to_owned()));
        assert_eq!(address.credentials.user, user);
        let odd = parse("nats://a%40b:p%2Fq@host").unwrap().credentials.user;
        assert_eq!(odd, Some(("a@b".to_owned(), "p/q".to_owned())));
        let token = parse("nats://s3cret@host").unwrap();
        assert_eq!(
            (token.credentials.token.clone(), token.to_string()),
            (Some("s3cret".to_owned()), "nats://host:4222".to_owned())
        );
        let credentials = Credentials { user, ..Credentials::default() };
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }
}
