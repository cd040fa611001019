//! People: the accounts of staff and shoppers, an invitation by a one-time password, and what an admin may do with an account.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::products::serialize_query;
use super::stores::list_stores;
use crate::auth::{ListedUser, PasswordReset, StoreView, UserChange, UserSearch};
use crate::domain::{Caller, InvalidField, Role, StoreId, UserId};
use crate::http::Services;
use crate::http::extract::{ValidPage, ValidPath, ValidQuery};
use crate::http::problem::Problem;
use crate::web::form::Form;
use crate::web::format::Moment;
use crate::web::page::{Page, PageResult};

#[derive(Template)]
#[template(path = "people.html")]
struct PeopleTemplate<'a> {
    page: &'a Page,
    people: Vec<PersonLine>,
    search: &'a str,
    base: String,
    next_cursor: Option<String>,
    roles: [Role; 3],
    stores: &'a [StoreView],
    form: &'a Form,
}

struct PersonLine {
    id: UserId,
    name: String,
    role: Role,
    disabled: bool,
    store: String,
    last_seen: Option<Moment>,
    state: PersonState,
}

/// What an account can do now.
struct PersonState {
    tone: &'static str,
    key: &'static str,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonTemplate<'a> {
    page: &'a Page,
    person: PersonLine,
    is_self: bool,
    roles: [Role; 3],
    stores: &'a [StoreView],
    form: Form,
    /// A password that is shown only now.
    one_time_password: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct ListQuery {
    q: Option<String>,
}

pub async fn list(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<ListQuery>,
    part: ValidPage,
) -> PageResult {
    let form = Form::filled([("role", Role::Clerk.as_str().to_owned())]);
    let search = query.0.q.unwrap_or_default();
    render_list(&page, &caller, &services, search.trim(), part, &form).await
}

async fn render_list(
    page: &Page,
    caller: &Caller,
    services: &Services,
    search: &str,
    part: ValidPage,
    form: &Form,
) -> PageResult {
    let stores = list_stores(services, caller).await?;
    let name_part = Some(search.to_owned()).filter(|text| !text.is_empty());
    let found = services.auth.list_users(caller, UserSearch { name_part, ..UserSearch::default() }, part.0).await?;
    let template = PeopleTemplate {
        page,
        people: found.data.into_iter().map(|user| view_person(page, services, &stores, user)).collect(),
        search,
        base: match search {
            "" => "/admin/people?".to_owned(),
            text => format!("/admin/people?{}&", serialize_query("q", text)),
        },
        next_cursor: found.next_cursor,
        roles: ROLES,
        stores: &stores,
        form,
    };
    page.render_with_status(form.status(), &template)
}

/// Those that are invited first.
const ROLES: [Role; 3] = [Role::Clerk, Role::Admin, Role::User];

fn view_person(page: &Page, services: &Services, stores: &[StoreView], listed: ListedUser) -> PersonLine {
    let ListedUser { user, last_seen_at } = listed;
    let store = stores.iter().find(|store| Some(store.id) == user.store_id);
    let (_, zone) = services.auth.store_defaults();
    let (tone, key) = match (user.disabled, user.must_change_password) {
        (true, _) => ("idle", "person-disabled"),
        (false, true) => ("warn", "person-invited"),
        (false, false) => ("good", "person-active"),
    };
    PersonLine {
        store: store.map(|store| store.name.clone()).unwrap_or_default(),
        last_seen: last_seen_at.map(|at| page.moment(at, &zone)),
        state: PersonState { tone, key },
        id: user.id,
        role: user.role,
        disabled: user.disabled,
        name: user.username,
    }
}

/// Shows the one-time password. Without a redirect, since it is shown only once.
pub async fn invite(page: Page, caller: Caller, services: Data<Services>, form: Form, part: ValidPage) -> PageResult {
    let created = async {
        let (role, store_id) = read_role(&form)?;
        let name = form.text("username").to_owned();
        services.auth.invite_user(&caller, name, role, store_id).await.map_err(Problem::from)
    };
    match created.await {
        Ok(invited) => render(&page, &caller, &services, invited.user.id, None, Some(invited)).await,
        Err(problem) => render_list(&page, &caller, &services, "", part, &form.refuse(problem)).await,
    }
}

fn read_role(form: &Form) -> Result<(Role, Option<StoreId>), InvalidField> {
    let role: Role = form.text("role").parse().map_err(|_| InvalidField::new("role", "is missing: choose one"))?;
    let store = form.optional("store_id").filter(|_| role == Role::Clerk);
    let store = store.map(str::parse).transpose().map_err(|_| InvalidField::new("store_id", "is no store"))?;
    match (role, store) {
        (Role::Clerk, None) => Err(InvalidField::new("store_id", "is missing: choose the store of the clerk")),
        (role, store) => Ok((role, store)),
    }
}

pub async fn show(page: Page, caller: Caller, services: Data<Services>, id: ValidPath<UserId>) -> PageResult {
    render(&page, &caller, &services, id.0, None, None).await
}

async fn render(
    page: &Page,
    caller: &Caller,
    services: &Services,
    id: UserId,
    form: Option<Form>,
    new_password: Option<PasswordReset>,
) -> PageResult {
    let stores = list_stores(services, caller).await?;
    let listed = services.auth.get_user(caller, id).await?;
    let fill = || {
        let store = listed.user.store_id.map(|id| id.to_string()).unwrap_or_default();
        Form::filled([("role", listed.user.role.as_str().to_owned()), ("store_id", store)])
    };
    let form = form.unwrap_or_else(fill);
    let status = form.status();
    let template = PersonTemplate {
        page,
        is_self: caller.actor.user_id() == Some(id),
        roles: ROLES,
        form,
        one_time_password: new_password.map(|new| new.one_time_password.expose().to_owned()),
        person: view_person(page, services, &stores, listed),
        stores: &stores,
    };
    page.render_with_status(status, &template)
}

/// Changes role and store.
pub async fn change(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<UserId>,
    form: Form,
) -> PageResult {
    let changed = async {
        let (role, store_id) = read_role(&form)?;
        let change = UserChange { role: Some(role), store_id, disabled: None };
        services.auth.change_user(&caller, id.0, change).await.map_err(Problem::from)
    };
    match changed.await {
        Ok(_) => page.redirect_with_notice(&address(id.0), "notice-person-saved"),
        Err(problem) => render(&page, &caller, &services, id.0, Some(form.refuse(problem)), None).await,
    }
}

/// Disables or enables the account.
pub async fn set_disabled(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<UserId>,
    form: Form,
) -> PageResult {
    let disabled = form.text("disabled") == "yes";
    let change = UserChange { disabled: Some(disabled), ..UserChange::default() };
    match services.auth.change_user(&caller, id.0, change).await {
        Ok(_) => {
            let notice = if disabled { "notice-person-disabled" } else { "notice-person-enabled" };
            page.redirect_with_notice(&address(id.0), notice)
        }
        Err(error) => render(&page, &caller, &services, id.0, Some(form.refuse(error)), None).await,
    }
}

/// Shows a new one-time password, once.
pub async fn reset_password(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<UserId>,
    form: Form,
) -> PageResult {
    match services.auth.reset_password(&caller, id.0).await {
        Ok(reset) => render(&page, &caller, &services, id.0, None, Some(reset)).await,
        Err(error) => render(&page, &caller, &services, id.0, Some(form.refuse(error)), None).await,
    }
}

/// Signs the person out everywhere.
pub async fn end_sessions(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<UserId>,
    _form: Form,
) -> PageResult {
    services.auth.end_user_sessions(&caller, id.0).await?;
    page.redirect_with_notice(&address(id.0), "notice-person-signed-out")
}

fn address(id: UserId) -> String {
    format!("/admin/people/{id}")
}
