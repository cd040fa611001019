//! Connections that one address opens and does not use: other addresses are still served, and so are its own kiosks.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::harness::{Reply, TestApp, TestDatabase, on_both_databases};

/// The share of an address is 16, and 2 more are told so.
const SMALL: &str = "limits.connections = 40\nlimits.connections_per_address = 16";
const SERVED: usize = 18;
const FLOOD: usize = 150;
/// A flooded server let others wait for at least the five seconds that the head of a request may take.
const PATIENCE: Duration = Duration::from_secs(3);
const HALF_A_REQUEST: &[u8] = b"POST /api/auth/login HTTP/1.1\r\nhost: till\r\n";
/// The beginning of a TLS handshake: the head of a record of 512 bytes that never come.
const HALF_A_HANDSHAKE: &[u8] = &[22, 3, 1, 2, 0];

fn address_of(app: &TestApp) -> SocketAddr {
    app.url.rsplit('/').next().unwrap().parse().unwrap()
}

/// Opens a connection from `ip` and sends `bytes`.
async fn connect(app: &TestApp, ip: [u8; 4], bytes: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((ip, 0).into()).unwrap();
    let mut stream = socket.connect(address_of(app)).await.unwrap();
    // The server may have closed it already.
    let _sent_or_closed = stream.write_all(bytes).await;
    stream
}

async fn flood(app: &TestApp, ip: [u8; 4], bytes: &[u8]) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..FLOOD {
        streams.push(connect(app, ip, bytes).await);
    }
    streams
}

/// Those that the server has not closed.
async fn count_open(streams: &mut [TcpStream]) -> usize {
    let mut open = 0;
    for stream in streams {
        let closed = timeout(Duration::from_millis(10), stream.read(&mut [0])).await;
        open += usize::from(closed.is_err());
    }
    open
}

/// A new connection from `ip`, with one request.
async fn get(app: &TestApp, ip: [u8; 4], path: &str, token: Option<&str>) -> Reply {
    let client = reqwest::Client::builder().local_address(std::net::IpAddr::from(ip)).build().unwrap();
    let request = client.get(format!("{}{path}", app.url));
    let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
    Reply::read(request.send().await.unwrap()).await.unwrap()
}

async fn a_flood_of_half_sent_requests_leaves_others_their_connections(database: TestDatabase) {
    let app = TestApp::spawn_with(database, SMALL).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let kiosk = app.enrol_kiosk(&admin, &store).await;
    let stranger = [127, 0, 0, 2];
    let mut streams = flood(&app, stranger, HALF_A_REQUEST).await;
    let served = timeout(PATIENCE, get(&app, [127, 0, 0, 3], "/api/kiosks/me", Some(&kiosk))).await;
    served.expect("a kiosk elsewhere does not wait").expect(200);
    let served = timeout(PATIENCE, get(&app, [127, 0, 0, 4], "/healthz", None)).await;
    served.expect("nor does a stranger elsewhere").expect(200);
    assert!(count_open(&mut streams).await <= SERVED);
    assert!(app.read_metric("tillsight_connections_refused_total").await >= (FLOOD - SERVED) as f64);
    drop(streams);
    tokio::time::sleep(Duration::from_millis(200)).await;
    get(&app, stranger, "/healthz", None).await.expect(200);
}

/// A whole store may share the address of the flood.
async fn beyond_the_share_strangers_are_told_and_staff_and_kiosks_are_served(database: TestDatabase) {
    let app = TestApp::spawn_with(database, SMALL).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let kiosk = app.enrol_kiosk(&admin, &store).await;
    let shopper = app.sign_up_shopper("ann.lee").await;
    let shop = [127, 0, 0, 5];
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(connect(&app, shop, HALF_A_REQUEST).await);
    }
    for token in [None, Some(shopper.as_str())] {
        let refused = get(&app, shop, "/api/auth/me", token).await;
        assert_eq!(refused.headers["retry-after"], "5");
        assert_eq!(refused.headers["connection"], "close");
        let problem = refused.expect_problem(429, "too-many-connections");
        assert!(problem["detail"].as_str().unwrap().contains("16 connections"), "{problem}");
    }
    get(&app, shop, "/api/kiosks/me", Some(&kiosk)).await.expect(200);
    get(&app, shop, "/api/auth/me", Some(&admin)).await.expect(200);
    // Each till keeps its connection, and none of them counts any more.
    let request = format!("GET /api/kiosks/me HTTP/1.1\r\nhost: till\r\nauthorization: Bearer {kiosk}\r\n\r\n");
    for till in 0..10 {
        let mut stream = connect(&app, shop, request.as_bytes()).await;
        let mut status = [0; 15];
        stream.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 200 OK", "till {till}");
        streams.push(stream);
    }
}

async fn a_flood_of_half_done_handshakes_leaves_others_theirs(database: TestDatabase) {
    let app = TestApp::spawn_with(database, &format!("tls = \"self-signed\"\n{SMALL}")).await;
    let mut streams = flood(&app, [127, 0, 0, 6], HALF_A_HANDSHAKE).await;
    let served = timeout(PATIENCE, app.call(Method::GET, "/healthz", None, |request| request)).await;
    served.expect("a client elsewhere does not wait").expect(200);
    let login = app.login_admin().await;
    app.call(Method::GET, "/api/auth/me", Some(&login), |request| request).await.expect(200);
    assert!(count_open(&mut streams).await <= SERVED);
}

on_both_databases!(
    a_flood_of_half_sent_requests_leaves_others_their_connections,
    beyond_the_share_strangers_are_told_and_staff_and_kiosks_are_served,
    a_flood_of_half_done_handshakes_leaves_others_theirs,
);
