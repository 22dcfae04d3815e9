//! Trusted browsers in the database.

use jiff::Timestamp;

use super::Device;
use crate::config::TenantId;
use crate::db::{self, Conn, Row, Tx, params, statements};

statements! {
    NEW_DEVICE = both(
        "INSERT INTO login_device (tenant, id, account, label, created_at, used_at) VALUES ($1, $2, $3, $4, $5, $5)"
    );
    NEW_VALUE = both(
        "INSERT INTO login_device_value (tenant, value, device, created_at) VALUES ($1, $2, $3, $4)"
    );
    OF_VALUE = both(
        "SELECT d.id, d.account, d.label, d.created_at, d.used_at, v.replaced_at \
         FROM login_device_value v JOIN login_device d ON d.tenant = v.tenant AND d.id = v.device \
         WHERE v.tenant = $1 AND v.value = $2 AND d.ended_at IS NULL"
    );
    REPLACE = both(
        "UPDATE login_device_value SET replaced_at = $3 WHERE tenant = $1 AND value = $2 AND replaced_at IS NULL"
    );
    USE = both("UPDATE login_device SET used_at = $3 WHERE tenant = $1 AND id = $2 AND ended_at IS NULL");
    END = both(
        "UPDATE login_device SET ended_at = $4 WHERE tenant = $1 AND account = $2 AND id = $3 AND ended_at IS NULL"
    );
    END_ALL = both("UPDATE login_device SET ended_at = $3 WHERE tenant = $1 AND account = $2 AND ended_at IS NULL");
    END_OLDEST = both(
        "UPDATE login_device SET ended_at = $4 WHERE tenant = $1 AND account = $2 AND ended_at IS NULL AND id NOT IN \
         (SELECT id FROM login_device WHERE tenant = $1 AND account = $2 AND ended_at IS NULL \
          ORDER BY used_at DESC, id DESC LIMIT $3)"
    );
    DEVICES = both(
        "SELECT id, account, label, created_at, used_at, ended_at FROM login_device \
         WHERE tenant = $1 AND account = $2 AND ended_at IS NULL AND created_at > $3 ORDER BY used_at DESC, id DESC LIMIT 50"
    );
    DROP_VALUES = both("DELETE FROM login_device_value WHERE created_at < $1");
    DROP_DEVICES = both("DELETE FROM login_device WHERE created_at < $1");
}

fn device(row: &Row) -> Device {
    Device {
        id: row.text(0),
        account: row.text(1),
        label: row.text(2),
        since: row.time(3),
        used: row.time(4),
    }
}

pub(super) async fn insert(
    tx: &mut Tx,
    tenant: &TenantId,
    new: &Device,
    value: &[u8; 32],
    most: i64,
) -> Result<(), db::Error> {
    tx.execute(
        NEW_DEVICE,
        params![tenant.as_str(), &new.id, &new.account, &new.label, new.since],
    )
    .await?;
    new_value(tx, tenant, &new.id, value, new.since).await?;
    tx.execute(END_OLDEST, params![tenant.as_str(), &new.account, most, new.since])
        .await?;
    Ok(())
}

pub(super) async fn new_value(
    tx: &mut Tx,
    tenant: &TenantId,
    device: &str,
    value: &[u8; 32],
    now: Timestamp,
) -> Result<(), db::Error> {
    tx.execute(NEW_VALUE, params![tenant.as_str(), value, device, now])
        .await?;
    Ok(())
}

/// The living device that this value belongs or belonged to, and whether the value was replaced.
pub(super) async fn of_value(
    conn: &mut Conn,
    tenant: &TenantId,
    value: &[u8; 32],
) -> Result<Option<(Device, bool)>, db::Error> {
    let row = conn.row(OF_VALUE, params![tenant.as_str(), value]).await?;
    Ok(row.map(|row| (device(&row), row.opt_int(5).is_some())))
}

/// Uses a value up; `false` if somebody else just did.
pub(super) async fn replace(
    tx: &mut Tx,
    tenant: &TenantId,
    value: &[u8; 32],
    now: Timestamp,
) -> Result<bool, db::Error> {
    Ok(tx.execute(REPLACE, params![tenant.as_str(), value, now]).await? > 0)
}

/// Notes the use; `false` if the device ended meanwhile.
pub(super) async fn used(tx: &mut Tx, tenant: &TenantId, id: &str, now: Timestamp) -> Result<bool, db::Error> {
    Ok(tx.execute(USE, params![tenant.as_str(), id, now]).await? > 0)
}

/// Ends one device of the account; whether there was one.
pub(super) async fn end(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    id: &str,
    now: Timestamp,
) -> Result<bool, db::Error> {
    Ok(tx.execute(END, params![tenant.as_str(), account, id, now]).await? > 0)
}

/// Ends every device of the account: its password or number changed, or it was closed.
pub(in crate::login) async fn end_all(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    now: Timestamp,
) -> Result<u64, db::Error> {
    tx.execute(END_ALL, params![tenant.as_str(), account, now]).await
}

/// The living devices of an account that began after `since`, the last used first.
pub(super) async fn devices(
    conn: &mut Conn,
    tenant: &TenantId,
    account: &str,
    since: Timestamp,
) -> Result<Vec<Device>, db::Error> {
    let rows = conn.rows(DEVICES, params![tenant.as_str(), account, since]).await?;
    Ok(rows.iter().map(device).collect())
}

pub(in crate::login) async fn drop_old(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    let values = tx.execute(DROP_VALUES, params![before]).await?;
    Ok(values + tx.execute(DROP_DEVICES, params![before]).await?)
}
