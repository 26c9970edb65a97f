//! From arguments and the environment to where a queue is.

use nosc_controller::search::queue::nats::{Address, Credentials};

use crate::arguments::{AddressArguments, CredentialArguments};
use crate::error::CliError;

/// The queue of a URL.
pub(super) fn parse(url: &str, arguments: &CredentialArguments) -> Result<Address, CliError> {
    let secret = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let CredentialArguments { creds, nkey, ca, cert, key } = arguments;
    let user = secret("NOSC_QUEUE_USER");
    let password = secret("NOSC_QUEUE_PASSWORD");
    let credentials = Credentials {
        user: user.map(|user| (user, password.unwrap_or_default())),
        token: secret("NOSC_QUEUE_TOKEN"),
        creds: creds.clone(),
        nkey: nkey.clone(),
        ca: ca.clone(),
        certificate: cert.clone().zip(key.clone()),
    };
    Ok(Address::parse(url, credentials)?)
}

/// The queue that is asked for, or that of the environment.
pub(super) fn find(arguments: &AddressArguments) -> Result<Address, CliError> {
    let url = arguments.queue.clone().or_else(|| std::env::var("NOSC_QUEUE").ok());
    let url = url.filter(|url| !url.is_empty()).ok_or_else(|| {
        let message = "which server? Add `--queue nats://HOST:4222`, or set `NOSC_QUEUE`";
        CliError::Usage(message.to_owned())
    })?;
    parse(&url, &arguments.credentials)
}
