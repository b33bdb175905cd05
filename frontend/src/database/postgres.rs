//! The store that several frontends share: a PostgreSQL database.
//!
//! A lost connection is made again at the next transaction. TLS, where the URL asks for it (`sslmode=require`) or the
//! server offers it, is checked against the certificates that the system trusts, or those of the file that the URL
//! names (`sslrootcert`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use dsiem_runtime::tls;
use percent_encoding::percent_decode_str;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Config, Statement};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::DatabaseError;
use super::rows::{Column, Kind};
use super::sql::{Connection, Dialect, Row, Value};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How many prepared statements each connection keeps; beyond, all are forgotten.
const STATEMENTS_KEPT: usize = 256;
/// Each statement is planned for its own values: one that finds ten alarms has another plan than one that finds a
/// million. Compiling plans, or starting other processes for them, takes longer than these statements do. Sums over some
/// hundred thousand rows stay in memory.
const SETTINGS: &str = "SET plan_cache_mode = force_custom_plan; SET jit = off;
    SET max_parallel_workers_per_gather = 0; SET random_page_cost = 1.1; SET work_mem = '32MB';";

/// Where a database is, with the password in it; it shows itself nowhere.
#[derive(Clone)]
pub(super) struct Address {
    config: Config,
    /// Whose certificates are trusted; `None` is whom the system trusts.
    authorities: Option<PathBuf>,
}

/// A connection.
struct Postgres {
    address: Address,
    /// There until it is dropped.
    client: Option<Client>,
    prepared: HashMap<String, Statement>,
}

impl Address {
    /// Reads a URL such as `postgresql://dsiem:secret@host/dsiem?sslmode=verify-full&sslrootcert=/etc/dsiem/ca.pem`.
    pub(super) fn parse(url: &str) -> Result<Self, DatabaseError> {
        let (url, authorities) = without_authorities(url);
        let mut config: Config = url.parse().map_err(DatabaseError::Postgres)?;
        config.connect_timeout(CONNECT_TIMEOUT).application_name("dsiem");
        Ok(Self { config, authorities })
    }

    /// A connection of the library's own.
    pub(super) fn client(&self) -> Result<Client, DatabaseError> {
        tls::install();
        let tls = ClientConfig::builder().with_root_certificates(self.trusted()?).with_no_client_auth();
        Ok(self.config.connect(MakeRustlsConnect::new(tls))?)
    }

    fn trusted(&self) -> Result<RootCertStore, DatabaseError> {
        let mut trusted = RootCertStore::empty();
        let Some(path) = &self.authorities else {
            trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(trusted);
        };
        let refused = |error| DatabaseError::File { path: path.clone(), error: io::Error::other(error) };
        let certificates = CertificateDer::pem_file_iter(path).map_err(refused)?;
        for certificate in certificates {
            let certificate = certificate.map_err(refused)?;
            trusted.add(certificate).map_err(|error| DatabaseError::File {
                path: path.clone(),
                error: io::Error::other(error),
            })?;
        }
        if trusted.is_empty() {
            let error =
                io::Error::other("there is no certificate in it; it must be one or several in PEM form");
            return Err(DatabaseError::File { path: path.clone(), error });
        }
        Ok(trusted)
    }

    /// A connection to it.
    pub(super) fn connect(&self) -> Result<Box<dyn Connection>, DatabaseError> {
        let client = Some(connect(self)?);
        Ok(Box::new(Postgres { address: self.clone(), client, prepared: HashMap::new() }))
    }
}

fn connect(address: &Address) -> Result<Client, DatabaseError> {
    let mut client = address.client()?;
    client.batch_execute(SETTINGS)?;
    Ok(client)
}

/// Takes what the library does not know out of a URL: whose certificates are trusted. Certificates and names are always
/// checked where there is TLS, so the modes that ask for that are those that ask for TLS.
fn without_authorities(url: &str) -> (String, Option<PathBuf>) {
    let Some((address, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let (mut kept, mut authorities) = (Vec::new(), None);
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some(("sslrootcert", path)) => {
                authorities = Some(PathBuf::from(&*percent_decode_str(path).decode_utf8_lossy()));
            }
            Some(("sslmode", "verify-ca" | "verify-full")) => kept.push("sslmode=require"),
            _ => kept.push(parameter),
        }
    }
    let separator = if kept.is_empty() { "" } else { "?" };
    (format!("{address}{separator}{}", kept.join("&")), authorities)
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It waits for its end in a runtime of its own, which cannot be where another one runs. Where there is no thread to
        // be had, the process ends with it.
        if let Some(client) = self.client.take() {
            thread::Builder::new().name("postgres-end".to_owned()).spawn(move || drop(client)).ok();
        }
    }
}

impl Postgres {
    fn client(&mut self) -> &mut Client {
        self.client.as_mut().expect("it is there until it is dropped")
    }

    fn prepare(&mut self, sql: &str) -> Result<Statement, DatabaseError> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        if self.prepared.len() >= STATEMENTS_KEPT {
            self.prepared.clear();
        }
        let statement = self.client().prepare(&sql.replace('?', "$"))?;
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl Connection for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, DatabaseError> {
        let statement = self.prepare(sql)?;
        rows_of(&self.client().query(&statement, &parameters(values))?)
    }

    fn query_for_each(
        &mut self,
        sql: &str,
        columns: &[Column],
        rows: &[Vec<Value>],
    ) -> Result<Vec<Row>, DatabaseError> {
        let statement = self.prepare(sql)?;
        let lists: Vec<Box<dyn ToSql + Sync + '_>> =
            columns.iter().enumerate().map(|(column, (_, kind))| list(rows, column, *kind)).collect();
        let lists: Vec<&(dyn ToSql + Sync)> = lists.iter().map(|list| &**list as _).collect();
        rows_of(&self.client().query(&statement, &lists)?)
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, DatabaseError> {
        let statement = self.prepare(sql)?;
        Ok(self.client().execute(&statement, &parameters(values))?)
    }

    fn batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        let done = self.client().batch_execute(sql);
        // Only between transactions: within one, what was done before would be missing. Beginning one fails where the
        // connection is gone, and a connection may say in many ways that it is.
        if done.is_err() && sql.starts_with("BEGIN") {
            self.client = Some(connect(&self.address)?);
            self.prepared.clear();
            return Ok(self.client().batch_execute(sql)?);
        }
        Ok(done?)
    }
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// The values of one column, as a list.
fn list(rows: &[Vec<Value>], column: usize, kind: Kind) -> Box<dyn ToSql + Sync + '_> {
    let values = rows.iter().map(move |row| row.get(column).unwrap_or(&Value::Null));
    match kind {
        Kind::Int => Box::new(values.map(Value::number).collect::<Vec<_>>()),
        Kind::Text => Box::new(values.map(Value::storable_text).collect::<Vec<_>>()),
        Kind::Bytes => Box::new(values.map(Value::bytes).collect::<Vec<_>>()),
    }
}

fn rows_of(rows: &[postgres::Row]) -> Result<Vec<Row>, DatabaseError> {
    rows.iter()
        .map(|row| (0..row.len()).map(|column| value(row, column)).collect::<Result<_, _>>().map(Row))
        .collect()
}

impl Value {
    fn number(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// A text of PostgreSQL cannot have a zero in it.
    fn storable_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) if text.contains('\0') => Some(text.replace('\0', "\u{fffd}").into()),
            Self::Text(text) => Some(text.into()),
            _ => None,
        }
    }

    fn bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }
}

fn value(row: &postgres::Row, column: usize) -> Result<Value, DatabaseError> {
    Ok(match *row.columns()[column].type_() {
        Type::INT8 => row.try_get::<_, Option<i64>>(column)?.into(),
        Type::INT4 => row.try_get::<_, Option<i32>>(column)?.map(i64::from).into(),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(column)?.into(),
        _ => row.try_get::<_, Option<String>>(column)?.into(),
    })
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            // The library would send the same eight bytes, and the server would take them for something else.
            Self::Int(_) if *ty != Type::INT8 => Err(format!("a number where {ty} is wanted").into()),
            Self::Int(number) => number.to_sql(ty, out),
            Self::Text(_) => self.storable_text().to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
            Self::List(numbers) => numbers.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl From<postgres::Error> for DatabaseError {
    fn from(error: postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

/// What the server says, which the error itself does not.
pub(super) fn in_words(error: &postgres::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// Whether the server refuses what is to be stored: the data (22), a constraint (23) or a limit of its own (54).
pub(super) fn is_of_content(error: &postgres::Error) -> bool {
    error.code().is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.code().starts_with(class)))
}
