//! The title of an alarm.

use crate::assets::Assets;
use crate::event::Event;

/// The directive's name with `SRC_IP` and `DST_IP` replaced by the asset that is exactly that host, else by the address.
pub(super) fn title(name: &str, event: &Event, assets: &Assets) -> Box<str> {
    let shown = |address| assets.host_name(address).map_or_else(|| address.to_string(), ToOwned::to_owned);
    let mut title = String::with_capacity(name.len());
    let mut rest = name;
    // From left to right, so that a host named DST_IP is not replaced again.
    while let Some((position, address)) = [("SRC_IP", event.src_ip), ("DST_IP", event.dst_ip)]
        .into_iter()
        .filter_map(|(placeholder, address)| Some((rest.find(placeholder)?, address)))
        .min_by_key(|(position, _)| *position)
    {
        title.push_str(&rest[..position]);
        title.push_str(&shown(address));
        rest = &rest[position + "SRC_IP".len()..];
    }
    title.push_str(rest);
    title.into()
}
