//! The catalogue: a grid of products with pictures, and the form that teaches a new one.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::stores::find_newest_store;
use crate::catalog::{NewPhoto, NewPhotos, NewProduct, ProductSearch, ProductView, RegionChoice};
use crate::domain::{Caller, Currency, ImageId, Money, PageRequest, ProductId, Role};
use crate::http::Services;
use crate::http::extract::{UploadForm, ValidPage, ValidQuery};
use crate::http::problem::{Problem, ProblemKind};
use crate::web::amount::{parse_amount, parse_percent};
use crate::web::form::Form;
use crate::web::format;
use crate::web::page::{Page, PageResult, with_notice};

/// Photos that a new product is to have.
pub(super) const PHOTOS_WANTED: i64 = 5;
/// Products on a page of the grid.
const PAGE: i64 = 24;

#[derive(Template)]
#[template(path = "products.html")]
struct ProductsTemplate<'a> {
    page: &'a Page,
    search: &'a str,
    products: Vec<ProductCard>,
    next_cursor: Option<String>,
    /// The address of the list, without a cursor.
    base: String,
    may_change: bool,
    /// Whether only products are listed whose article another one has too.
    shares_article: bool,
}

/// A product in the grid.
struct ProductCard {
    id: ProductId,
    name: String,
    price: Option<String>,
    picture: Option<String>,
    badge: Option<ProductBadge>,
}

/// What about a product needs attention.
pub(super) struct ProductBadge {
    pub tone: &'static str,
    /// The message.
    pub key: &'static str,
    /// A number in it.
    pub count: i64,
}

#[derive(Template)]
#[template(path = "product_new.html")]
struct TeachTemplate<'a> {
    page: &'a Page,
    form: &'a Form,
    /// Whether the photos were refused in a way that the person may overrule.
    may_insist: bool,
    image_bytes: usize,
    photos_wanted: i64,
}

#[derive(Debug, Deserialize)]
pub struct ListQuery {
    q: Option<String>,
    shares_article: Option<bool>,
}

pub async fn list(page: Page, services: Data<Services>, query: ValidQuery<ListQuery>, part: ValidPage) -> PageResult {
    let search = query.0.q.unwrap_or_default();
    let part = PageRequest { limit: PAGE, ..part.0 };
    let name_part = Some(search.trim().to_owned()).filter(|text| !text.is_empty());
    let shares_article = query.0.shares_article.unwrap_or(false);
    let filter = ProductSearch { name_part, shares_article, ..ProductSearch::default() };
    let found = services.catalog.list(filter, part).await?;
    let card = |product: ProductView| ProductCard {
        picture: product.image_id.map(|image| picture_address(product.id, image)),
        price: product.price.zip(product.currency).map(|(amount, currency)| format::money(Money { amount, currency })),
        badge: find_badge(&product),
        id: product.id,
        name: product.name,
    };
    let base = match search.trim() {
        "" if shares_article => "/admin/products?shares_article=true&".to_owned(),
        "" => "/admin/products?".to_owned(),
        text => format!("/admin/products?{}&", serialize_query("q", text)),
    };
    page.render(&ProductsTemplate {
        page: &page,
        search: search.trim(),
        products: found.data.into_iter().map(card).collect(),
        next_cursor: found.next_cursor,
        base,
        may_change: may_change(&page),
        shares_article,
    })
}

/// `q=oat%20milk`.
pub(super) fn serialize_query(name: &str, value: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}

pub(super) fn picture_address(product: ProductId, image: ImageId) -> String {
    format!("/api/products/{product}/images/{image}?size=thumbnail")
}

pub(super) fn may_change(page: &Page) -> bool {
    page.visitor.as_ref().and_then(crate::auth::Identity::role) == Some(Role::Admin)
}

/// The one thing about a product that needs attention first.
pub(super) fn find_badge(product: &ProductView) -> Option<ProductBadge> {
    let (tone, key, count) = match (product.active, product.price, product.images_count, product.images_advised) {
        (false, ..) => ("idle", "product-off-sale", 0),
        (true, None, ..) => ("bad", "product-no-price", 0),
        (true, Some(_), 0, _) => ("warn", "product-no-photos", 0),
        (true, Some(_), _, advised @ 1..) => ("warn", "product-add-photos", advised),
        (true, Some(_), ..) => return None,
    };
    Some(ProductBadge { tone, key, count })
}

pub async fn show_teach(page: Page, caller: Caller, services: Data<Services>) -> PageResult {
    let store = find_newest_store(&services, &caller).await?;
    let currency = store.map_or_else(|| services.auth.store_defaults().0, |store| store.currency);
    let form = Form::filled([("currency", currency.code().to_owned())]);
    render_teach(&page, &services, &form, false)
}

pub async fn teach(page: Page, caller: Caller, services: Data<Services>, mut upload: UploadForm) -> PageResult {
    let form = Form::from_texts(upload.take_texts());
    match create(&caller, &services, &form, upload).await {
        Ok(id) => page.redirect(&with_notice(&format!("/admin/products/{id}"), "notice-product-taught")),
        Err(problem) => {
            let may_insist = may_insist(&problem);
            let form = form.refuse(problem);
            render_teach(&page, &services, &form, may_insist)
        }
    }
}

/// Whether photos were refused that the person may enrol all the same.
pub(super) fn may_insist(problem: &Problem) -> bool {
    matches!(problem.kind(), ProblemKind::PoorPhoto | ProblemKind::AlreadyEnrolled)
}

fn render_teach(page: &Page, services: &Services, form: &Form, may_insist: bool) -> PageResult {
    let image_bytes = services.limits.image_bytes;
    let template = TeachTemplate { page, form, may_insist, image_bytes, photos_wanted: PHOTOS_WANTED };
    page.render_with_status(form.status(), &template)
}

async fn create(caller: &Caller, services: &Services, form: &Form, upload: UploadForm) -> Result<String, Problem> {
    let text = |name: &str| form.optional(name).map(str::to_owned);
    let currency = Currency::parse("currency", &form.text("currency").trim().to_uppercase())?;
    let price = parse_amount("price", form.text("price"), currency)?;
    let new = NewProduct {
        name: form.text("name").to_owned(),
        sku: text("sku"),
        barcode: text("barcode"),
        description: text("description"),
        price,
        tax_rate: parse_percent("tax_rate_bp", form.text("tax_rate_bp"))?,
        currency: price.map(|_| currency.code().to_owned()),
        is_off_sale: false,
    };
    let reply = services.catalog.create(caller, new, read_photos(form, upload), Some(form.key())).await?;
    Ok(reply.body["id"].as_str().unwrap_or_default().to_owned())
}

/// The photos of a form.
pub(super) fn read_photos(form: &Form, upload: UploadForm) -> NewPhotos {
    let photos =
        upload.images.into_iter().map(|photo| NewPhoto { file_name: photo.file_name, bytes: photo.bytes }).collect();
    NewPhotos { photos, region: RegionChoice::Auto, insist: form.is_checked("insist") }
}
