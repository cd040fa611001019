//! One product: its photos, how well it is recognised by them, and the forms that change it.

use actix_web::web::Data;
use askama::Template;

use super::products::{PHOTOS_WANTED, ProductBadge, find_badge, may_change, may_insist, picture_address, read_photos};
use crate::automation::TaskView;
use crate::catalog::{ArticleView, ImageView, PhotoCheckView, ProductChange, ProductView};
use crate::domain::{Caller, Currency, ImageId, InvalidField, Money, ProductId, Timestamp};
use crate::http::Services;
use crate::http::extract::{UploadForm, ValidPath};
use crate::http::problem::Problem;
use crate::web::amount::{parse_amount, parse_percent, plain_percent};
use crate::web::form::Form;
use crate::web::format::{self, Moment};
use crate::web::page::{Page, PageResult};

#[derive(Template)]
#[template(path = "product.html")]
struct ProductTemplate<'a> {
    page: &'a Page,
    product: ProductView,
    price: Option<String>,
    last_seen: Option<Moment>,
    badge: Option<ProductBadge>,
    photos: Vec<PhotoCard>,
    /// How well the photos tell the product from others; `None` if the index did not answer.
    check: Option<PhotoCheckView>,
    /// What would make them enough.
    advice: Option<&'static str>,
    /// The task that made it.
    maker: Option<TaskView>,
    /// When it goes on sale, if its task says so and that is to come.
    on_sale_from: Option<Moment>,
    form: Form,
    photo_form: Form,
    may_insist: bool,
    may_change: bool,
    /// The other products of the same article, of which one should be left.
    same_article: Vec<ArticleView>,
    image_bytes: usize,
}

struct PhotoCard {
    id: ImageId,
    picture: String,
    original: String,
    /// Whether the other photos do not recognise it.
    is_unrecognized: bool,
}

pub async fn show(page: Page, services: Data<Services>, id: ValidPath<ProductId>) -> PageResult {
    render(&page, &services, id.0, Refused::default()).await
}

/// A form of the page that was refused.
#[derive(Default)]
struct Refused {
    form: Option<Form>,
    photo_form: Option<Form>,
    may_insist: bool,
}

async fn render(page: &Page, services: &Services, id: ProductId, refused: Refused) -> PageResult {
    let product = services.catalog.get(id).await?;
    let images = services.catalog.images(id).await?;
    let check = match images.is_empty() || !product.active {
        true => None,
        // The page is of use without it.
        false => services.catalog.check_photos_of(id).await.ok(),
    };
    let card = |image: &ImageView| PhotoCard {
        picture: picture_address(id, image.id),
        original: format!("/api/products/{id}/images/{}", image.id),
        is_unrecognized: check.as_ref().is_some_and(|check| check.photos > 1 && check.unrecognized.contains(&image.id)),
        id: image.id,
    };
    let same_article = services.catalog.list_others_of_article(&product).await?;
    let maker = match may_change(page) {
        true => services.automation.find_maker(id).await?,
        false => None,
    };
    let publish_at = maker.as_ref().and_then(|task| serde_json::from_value(task.settings["publish_at"].clone()).ok());
    let publish_at = publish_at.filter(|at: &Timestamp| !product.active && *at > page.now);
    let status = [&refused.form, &refused.photo_form].into_iter().flatten().map(Form::status).next();
    let (default_currency, zone) = services.auth.store_defaults();
    let template = ProductTemplate {
        page,
        price: product.price.zip(product.currency).map(|(amount, currency)| format::money(Money { amount, currency })),
        last_seen: product.last_seen_at.map(|at| page.moment(at, &zone)),
        badge: find_badge(&product),
        photos: images.iter().map(card).collect(),
        form: refused.form.unwrap_or_else(|| fill(&product, default_currency)),
        photo_form: refused.photo_form.unwrap_or_default(),
        may_insist: refused.may_insist,
        may_change: may_change(page),
        same_article,
        image_bytes: services.limits.image_bytes,
        product,
        advice: check.as_ref().and_then(find_advice),
        check,
        maker,
        on_sale_from: publish_at.map(|at| page.moment(at, &zone)),
    };
    page.render_with_status(status.unwrap_or_default(), &template)
}

/// The message that says which photos to add, if there are not enough.
fn find_advice(check: &PhotoCheckView) -> Option<&'static str> {
    match (check.photos, check.checked) {
        _ if check.enough => None,
        (..PHOTOS_WANTED, _) => Some("product-advice-more"),
        (_, ..PHOTOS_WANTED) => Some("product-advice-alike"),
        _ => Some("product-advice-sides"),
    }
}

fn fill(product: &ProductView, default_currency: Currency) -> Form {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let currency = product.currency.unwrap_or(default_currency);
    let price = product.price.map(|amount| format::plain_amount(Money { amount, currency }));
    Form::of_stored([
        ("name", product.name.clone()),
        ("sku", text(&product.sku)),
        ("barcode", text(&product.barcode)),
        ("description", text(&product.description)),
        ("price", price.unwrap_or_default()),
        ("currency", currency.code().to_owned()),
        ("tax_rate_bp", plain_percent(product.tax_rate_bp)),
    ])
}

pub async fn change(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ProductId>,
    form: Form,
) -> PageResult {
    let stored = services.catalog.get(id.0).await?;
    let form = match form.check_conflict(&fill(&stored, services.auth.store_defaults().0)) {
        Ok(form) => form,
        Err(refused) => {
            return render(&page, &services, id.0, Refused { form: Some(refused), ..Refused::default() }).await;
        }
    };
    let changed = async {
        let change = read_change(&form)?;
        services.catalog.change(&caller, id.0, change, Some(form.key())).await.map_err(Problem::from)
    };
    match changed.await {
        Ok(_) => page.redirect_with_notice(&address(id.0), "notice-product-saved"),
        Err(problem) => {
            render(&page, &services, id.0, Refused { form: Some(form.refuse(problem)), ..Refused::default() }).await
        }
    }
}

/// What was touched in the form.
fn read_change(form: &Form) -> Result<ProductChange, Problem> {
    let text = |name: &str| form.is_touched(name).then(|| form.optional(name).map(str::to_owned));
    let currency = Currency::parse("currency", &form.text("currency").trim().to_uppercase())?;
    let price = parse_amount("price", form.text("price"), currency)?;
    let tax_rate = parse_percent("tax_rate_bp", form.text("tax_rate_bp"))?.unwrap_or(0);
    let is_price_touched = form.is_touched("price") || form.is_touched("currency");
    Ok(ProductChange {
        name: form.is_touched("name").then(|| form.text("name").to_owned()),
        sku: text("sku"),
        barcode: text("barcode"),
        description: text("description"),
        price: is_price_touched.then_some(price),
        currency: price.filter(|_| is_price_touched).map(|_| currency.code().to_owned()),
        tax_rate: form.is_touched("tax_rate_bp").then_some(tax_rate),
        active: None,
    })
}

/// Takes the product off sale, or puts it back.
pub async fn set_on_sale(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ProductId>,
    form: Form,
) -> PageResult {
    let active = form.text("active") == "yes";
    let change = ProductChange { active: Some(active), ..ProductChange::default() };
    services.catalog.change(&caller, id.0, change, Some(form.key())).await?;
    let notice = if active { "notice-product-on-sale" } else { "notice-product-off-sale" };
    page.redirect_with_notice(&address(id.0), notice)
}

/// Merges another product of the same article into this one.
pub async fn merge(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ProductId>,
    form: Form,
) -> PageResult {
    let other: ProductId = form.text("product_id").parse().map_err(|_| Problem::from(no_product()))?;
    services.catalog.merge(&caller, id.0, other, Some(form.key())).await?;
    page.redirect_with_notice(&address(id.0), "notice-product-merged")
}

fn no_product() -> InvalidField {
    InvalidField::new("product_id", "names no product; open the page again")
}

pub async fn remove(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ProductId>,
    form: Form,
) -> PageResult {
    services.catalog.remove(&caller, id.0, Some(form.key())).await?;
    page.redirect_with_notice("/admin/products", "notice-product-removed")
}

pub async fn add_photos(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ProductId>,
    mut upload: UploadForm,
) -> PageResult {
    let form = Form::from_texts(upload.take_texts());
    let photos = read_photos(&form, upload);
    match services.catalog.add_images(&caller, id.0, photos, Some(form.key())).await {
        Ok(_) => page.redirect_with_notice(&address(id.0), "notice-photos-added"),
        Err(error) => {
            let problem = Problem::from(error);
            let may_insist = may_insist(&problem);
            let refused = Refused { photo_form: Some(form.refuse(problem)), may_insist, ..Refused::default() };
            render(&page, &services, id.0, refused).await
        }
    }
}

pub async fn remove_photo(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(ProductId, ImageId)>,
    form: Form,
) -> PageResult {
    let (id, image) = path.0;
    services.catalog.remove_image(&caller, id, image, Some(form.key())).await?;
    page.redirect_with_notice(&address(id), "notice-photo-removed")
}

fn address(id: ProductId) -> String {
    format!("/admin/products/{id}")
}
