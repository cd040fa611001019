# Stores, kiosks, people and models.
stores-empty = No store yet
stores-empty-text = A store has a name, a currency and kiosks. Add the first one.
stores-add = Add a store
stores-kiosks = Kiosks
stores-kiosks-enrolled = { $count ->
    [one] { $count } kiosk
   *[other] { $count } kiosks
 }
stores-kiosks-waiting = { $count ->
    [one] { $count } code not used
   *[other] { $count } codes not used
 }
stores-no-kiosk = No kiosk
field-cash-rounding = Cash is rounded to
hint-cash-rounding = The smallest coin, for example 0.05; 0.01 if cash is not rounded. Cards are never rounded. Empty: as usual in the currency.
store-facts = Store
kiosk-default-name = Till { $count }
kiosk-enrolled = In use
kiosk-pending = Waits for its code until
kiosk-expired = Code expired
kiosk-revoked = Revoked
kiosk-camera-moved = Camera moved
kiosk-no-empty-view = without an empty view
till-closed = Closed
till-close = Close
till-open = Open
notice-kiosk-closed = The kiosk is closed.
notice-kiosk-opened = The kiosk is open.
kiosk-revoke = Revoke
kiosk-revoke-title = Revoke “{ $name }”?
kiosk-revoke-text = The device can sell no more from its next request on. Its receipts stay.
notice-store-saved = Saved.
notice-kiosk-revoked = The kiosk is revoked.
field-role = Role
field-clerk-store = Store (for clerks)
field-last-seen = Last seen
person-role-user = Shopper
person-role-clerk = Clerk
person-role-admin = Admin
person-account = Account
person-active = Active
person-invited = Has a one-time password
person-disabled = Disabled
people-invite = Invite somebody
people-invite-lead = The person gets a one-time password, which they replace when they first sign in.
people-invite-send = Invite
person-password = One-time password of { $name }:
person-password-hint = It is shown only now. Pass it on; it must be replaced at the first sign-in.
person-change-hint = A change signs the person out everywhere.
person-reset = New one-time password
person-reset-title = Give { $name } a new password?
person-reset-text = The old password stops working, and the person is signed out everywhere.
person-sign-out = Sign out everywhere
person-sign-out-title = Sign { $name } out?
person-sign-out-text = On every device the person must sign in again.
notice-person-signed-out = Signed out everywhere.
person-disable = Disable
person-disable-title = Disable { $name }?
person-disable-text = The person is signed out everywhere and cannot sign in. You can enable the account again.
person-enable = Enable
notice-person-saved = Saved.
notice-person-disabled = The account is disabled.
notice-person-enabled = The account is enabled.
models-lead = A model turns a picture into what products are recognised by.
models-wanted = “{ $name }” was switched to, but is not used:
models-switching = Trying “{ $name }”
models-progress = { $count } of { $photos } photos are ready. Tills go on with the present model.
models-progress-short = { $count } of { $photos }
models-problems = { $count ->
    [one] { $count } photo cannot be used
   *[other] { $count } photos cannot be used
 }
models-right-before = The present model is right on
models-right-after = The new model is right on
models-right = { $count } of { $asked }
models-worse = The new model is worse on your photos
models-activate = Use the new model
models-activate-title = Use “{ $name }” from now on?
models-activate-text = All tills use it within seconds. You can go back.
models-cancel = Stop trying
models-quality = How sure it is
models-confidence = The confidence of answers was learned from { $count } photos of { $products } products.
models-no-confidence = The catalogue is too small to learn how sure an answer is. Teach more products.
models-model = Model
models-embedded = Photos ready
models-actions = Actions
models-active = In use
models-idle = Not in use
models-unusable = Cannot be used
models-uncalibrated = Its thresholds are a guess.
models-try = Try it
models-history = Earlier switches
models-rollback = Go back to the model before
models-rollback-title = Go back?
models-rollback-text = The model before is used again as soon as it knows all photos.
switch-state-embedding = Working
switch-state-ready = Ready
switch-state-active = Done
switch-state-cancelled = Given up
notice-switch-begun = Begun. Tills go on with the present model.
notice-switch-activated = The new model is in use.
notice-switch-cancelled = Stopped.
notice-switch-back = Going back.
