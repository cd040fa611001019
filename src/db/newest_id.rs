//! The newest identifier in the database, after which a starting server's own must sort.

use uuid::Uuid;

use super::{DatabaseError, Reader, run_query};

/// The newest id of the tables whose rows are listed by it; `None` in an empty database.
pub async fn find(reader: &mut Reader) -> Result<Option<Uuid>, DatabaseError> {
    const SELECT: &str = "\
        SELECT id FROM (SELECT id FROM users ORDER BY id DESC LIMIT 1) a \
        UNION ALL SELECT id FROM (SELECT id FROM stores ORDER BY id DESC LIMIT 1) b \
        UNION ALL SELECT id FROM (SELECT id FROM kiosks ORDER BY id DESC LIMIT 1) c \
        UNION ALL SELECT id FROM (SELECT id FROM products ORDER BY id DESC LIMIT 1) d \
        UNION ALL SELECT id FROM (SELECT id FROM product_images ORDER BY id DESC LIMIT 1) e \
        UNION ALL SELECT id FROM (SELECT id FROM checkout_sessions ORDER BY id DESC LIMIT 1) f \
        UNION ALL SELECT id FROM (SELECT id FROM billing_items ORDER BY id DESC LIMIT 1) g \
        UNION ALL SELECT id FROM (SELECT id FROM recognitions ORDER BY id DESC LIMIT 1) h \
        UNION ALL SELECT id FROM (SELECT id FROM orders ORDER BY id DESC LIMIT 1) i \
        UNION ALL SELECT id FROM (SELECT id FROM payments ORDER BY id DESC LIMIT 1) j \
        UNION ALL SELECT id FROM (SELECT id FROM refunds ORDER BY id DESC LIMIT 1) k \
        UNION ALL SELECT id FROM (SELECT id FROM z_reports ORDER BY id DESC LIMIT 1) l \
        UNION ALL SELECT id FROM (SELECT id FROM integrity_reports ORDER BY id DESC LIMIT 1) m \
        UNION ALL SELECT id FROM (SELECT id FROM model_switches ORDER BY id DESC LIMIT 1) n \
        UNION ALL SELECT id FROM (SELECT id FROM alerts ORDER BY id DESC LIMIT 1) o \
        UNION ALL SELECT id FROM (SELECT id FROM alert_deliveries ORDER BY id DESC LIMIT 1) p \
        UNION ALL SELECT id FROM (SELECT id FROM tasks ORDER BY id DESC LIMIT 1) q \
        UNION ALL SELECT id FROM (SELECT id FROM task_queue ORDER BY id DESC LIMIT 1) r \
        UNION ALL SELECT id FROM (SELECT id FROM task_schedules ORDER BY id DESC LIMIT 1) s \
        UNION ALL SELECT id FROM (SELECT id FROM task_logs ORDER BY id DESC LIMIT 1) t";
    let rows: Vec<(Uuid,)> = run_query!(reader, c => sqlx::query_as(SELECT).fetch_all(c))?;
    Ok(rows.into_iter().map(|(id,)| id).max())
}
