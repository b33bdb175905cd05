//! The wire form with all fields, as existing backends expect it.
//!
//! Every event that is accepted is written once, so this is done by hand: names and punctuation are constants, and only
//! texts that need escapes go through the JSON library.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

use super::{CheckedEvent, JsonText};

const WRITTEN: &str = "memory takes what is written, and texts have a JSON form";

impl CheckedEvent<'_> {
    /// Appends the wire form to `out`: one JSON object with all fields, the timestamp in UTC.
    pub fn encode(&self, out: &mut Vec<u8>) {
        text(out, "{\"event_id\":", &self.id);
        time(out, ",\"timestamp\":", self.timestamp);
        text(out, ",\"title\":", &self.title);
        text(out, ",\"sensor\":", &self.sensor);
        number(out, ",\"plugin_id\":", self.plugin_id);
        number(out, ",\"plugin_sid\":", self.plugin_sid);
        text(out, ",\"product\":", &self.product);
        text(out, ",\"category\":", &self.category);
        text(out, ",\"subcategory\":", &self.subcategory);
        address(out, ",\"src_ip\":", self.src_ip);
        number(out, ",\"src_port\":", self.src_port);
        address(out, ",\"dst_ip\":", self.dst_ip);
        number(out, ",\"dst_port\":", self.dst_port);
        text(out, ",\"protocol\":", &self.protocol);
        let [first, second, third] = &self.custom_data;
        text(out, ",\"custom_data1\":", first);
        text(out, ",\"custom_data2\":", second);
        text(out, ",\"custom_data3\":", third);
        let [first, second, third] = &self.custom_labels;
        text(out, ",\"custom_label1\":", first);
        text(out, ",\"custom_label2\":", second);
        text(out, ",\"custom_label3\":", third);
        number(out, ",\"conn_id\":", self.conn_id);
        number(out, ",\"rcvd_time\":", self.received.nanos());
        // An empty trace context.
        out.extend_from_slice(b",\"carrier\":{}}");
    }
}

fn text(out: &mut Vec<u8>, name: &str, text: &JsonText<'_>) {
    out.extend_from_slice(name.as_bytes());
    let is_plain = match text {
        JsonText::Plain(_) => true,
        JsonText::Any(text) => text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\'),
    };
    if !is_plain {
        return serde_json::to_writer(out, &**text).expect(WRITTEN);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn time(out: &mut Vec<u8>, name: &str, time: Timestamp) {
    const PRINTER: DateTimePrinter = DateTimePrinter::new();
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
    PRINTER.print_timestamp(&time, &mut *out).expect(WRITTEN);
    out.push(b'"');
}

fn number(out: &mut Vec<u8>, name: &str, number: impl itoa::Integer) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn address(out: &mut Vec<u8>, name: &str, address: IpAddr) {
    out.extend_from_slice(name.as_bytes());
    match address {
        IpAddr::V4(address) => address_v4(out, address),
        IpAddr::V6(address) => write!(out, "\"{address}\"").expect(WRITTEN),
    }
}

fn address_v4(out: &mut Vec<u8>, address: Ipv4Addr) {
    let mut between = b'"';
    for octet in address.octets() {
        out.push(between);
        if octet >= 100 {
            out.push(b'0' + octet / 100);
        }
        if octet >= 10 {
            out.push(b'0' + octet / 10 % 10);
        }
        out.push(b'0' + octet % 10);
        between = b'.';
    }
    out.push(b'"');
}
