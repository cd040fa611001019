"""A sale through the client that openapi-python-client made of the document.

Usage: sale.py URL PHOTOS, with the client in PYTHONPATH as `tillsight_client`
"""

import sys
import uuid
from pathlib import Path

from tillsight_client import AuthenticatedClient, Client
from tillsight_client.api.accounts import auth_login
from tillsight_client.api.catalog import product_images_add, product_images_show, products_create
from tillsight_client.api.checkout import sessions_confirm, sessions_frame, sessions_open
from tillsight_client.api.orders import orders_list, payments_and_refunds_pay
from tillsight_client.api.recognition import recognition_recognize
from tillsight_client.api.stores import kiosks_create, kiosks_enrol, stores_create
from tillsight_client.models import (
    Confirm,
    CreateKiosk,
    CreateStore,
    Credentials,
    Enrol,
    ImageForm,
    ImagesForm,
    OpenSession,
    Pay,
    PaymentMethod,
    Problem,
    ProductForm,
    TenderBody,
)
from tillsight_client.types import File

URL, PHOTOS = sys.argv[1], Path(sys.argv[2])


def photo(view: int) -> File:
    path = PHOTOS / f"{view:02}.jpg"
    return File(payload=path.open("rb"), file_name=path.name, mime_type="image/jpeg")


def take(response, status: int):
    """The parsed body of a reply with the status that the document promises."""
    assert response.status_code == status, (response.status_code, response.content)
    return response.parsed


anybody = Client(base_url=URL)
wrong = take(auth_login.sync_detailed(client=anybody, body=Credentials(username="admin", password="not the right password")), 401)
assert isinstance(wrong, Problem) and wrong.type_ == "urn:tillsight:problem:wrong-credentials", wrong
tokens = take(auth_login.sync_detailed(client=anybody, body=Credentials(username="admin", password="the till sees everything")), 200)
admin = AuthenticatedClient(base_url=URL, token=tokens.access_token)

form = ProductForm(name="Oat milk", barcode="2000000000015", price=219, currency="EUR", images=[photo(0), photo(1)])
product = take(products_create.sync_detailed(client=admin, body=form), 201)
more = ImagesForm(images=[photo(2), photo(3), photo(4)])
added = take(product_images_add.sync_detailed(product.id, client=admin, body=more), 201)
assert added.images_count == 5, added
original = take(product_images_show.sync_detailed(product.id, added.images[0], client=admin), 200)
assert original.payload.read() == (PHOTOS / "02.jpg").read_bytes()

store = take(stores_create.sync_detailed(client=admin, body=CreateStore(name="Python Street", currency="EUR")), 201)
new_kiosk = take(kiosks_create.sync_detailed(store.id, client=admin, body=CreateKiosk(name="Kiosk 1")), 201)
key = take(kiosks_enrol.sync_detailed(client=anybody, body=Enrol(code=new_kiosk.enrolment_code)), 200).key
kiosk = AuthenticatedClient(base_url=URL, token=key)

seen = take(recognition_recognize.sync_detailed(client=kiosk, body=ImageForm(image=photo(5))), 200)
assert [item.candidates[0].product_name for item in seen.items] == ["Oat milk"], seen
session = take(sessions_open.sync_detailed(client=kiosk, body=OpenSession()), 201)
frame = take(sessions_frame.sync_detailed(session.id, client=kiosk, body=photo(5)), 200)
assert frame.session.total == 219, frame
confirm = Confirm(version=frame.session.version)
order = take(sessions_confirm.sync_detailed(session.id, client=kiosk, body=confirm, idempotency_key=str(session.id)), 201)
payment = TenderBody(method=PaymentMethod.CASH, amount=order.total, tendered=500)
body = Pay(currency="EUR", payments=[payment])
paid = take(payments_and_refunds_pay.sync_detailed(order.id, client=kiosk, body=body, idempotency_key=str(uuid.uuid4())), 201)
listed = take(orders_list.sync_detailed(client=admin, store_id=store.id, receipt_number=paid.receipt_number), 200)
assert [summary.id for summary in listed.data] == [order.id], listed
print(f"{paid.state}, receipt {paid.receipt_number}")
