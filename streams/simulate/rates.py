"""How often what happens in the simulated retailer: shares of 1 unless the name of a rate says otherwise.

They are plausible, not measured; change one and the same seed gives another retailer.
"""

from __future__ import annotations

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

# How orders come in
WEB_LINES_MAX = 60
"""Longer orders are a wholesaler's: sent by mail, phone or through a representative."""
ORDER_CHANNELS = {"web": 0.80, "app": 0.08, "phone": 0.07, "email": 0.03, "fax": 0.005, "marketplace": 0.015}
WHOLESALE_CHANNELS = {"sales_rep": 0.4, "email": 0.35, "phone": 0.25}
CART_BEFORE_ORDER = 0.92
CART_PAUSED = 0.12
"""Carts filled in one visit and ordered in another, hours to days later."""
ORDER_AFTER_ABANDONED_CART = 0.06
"""Web orders of what lies in an abandoned cart, without the cart's id."""
PHONE_AFTER_ABANDONED_CART = 0.35
DELIVERED = 0.97
DELIVERED_IN_PARTS = 0.05
CHANGED = 0.01
ORDERED_TWICE = 0.013
"""Orders placed twice by mistake; the second is cancelled."""

# Visits
ABANDONED_CART = 0.25
"""Abandoned carts per order that no order of the customer takes up."""
ABANDONED_BOUGHT_IN_STORE = 0.40
"""Of these, by customers who visit stores."""
RESCUED_IN_PART = 0.15
RESCUE_RECEIPT_LATE = 0.20
RESCUE_RECEIPT_VERY_LATE = 0.10
BROWSING_PER_ORDER = 0.35
NEVER_LOGS_IN = 0.08
LOGIN_AT_CHECKOUT = 0.75
LOGIN_AT_START = 0.30
LOGIN_AFTER_CART = 0.12
LOGGED_IN_VISIT = 0.75
"""Visits of a known cookie that carry the customer id too."""
NEW_COOKIE = 0.05
ANONYMOUS_VISITORS_PER_CUSTOMER = 0.6
ANONYMOUS_CART = 0.2
SHARED_TABLETS_PER_CUSTOMER = 0.006

# Customers
REGISTERED = 0.98
REGISTERED_BEFORE_ORDER = 0.6
EMAIL_CONSENT = 0.75
EMAIL_REFUSED = 0.10
"""Customers without consent who said no in so many words."""
REVIEW_CONSENT = 0.85
PUSH_CONSENT = 0.20
SMS_CONSENT = 0.15
ONSITE_CONSENT = 0.35
ONSITE_REFUSED = 0.05
ACADEMIC = 0.06
"""Customers with an address of a university."""
CONSENT_WITHDRAWN = 0.08
EMAIL_UNREACHABLE = 0.03
BIRTH_DATE_KNOWN = 0.6
BORN_ON_LEAP_DAY = 0.01
ZONE_KNOWN = 0.92
LANGUAGE_KNOWN = 0.95
COMPANY_LINES_MEAN = 40
LOYALTY_CARD = 0.5
CARD_LINKED_AT_REGISTRATION = 0.6
CARD_LINKED_LATER = 0.25
"""The rest of the cards is never linked."""

# Stores
STORES = 12
STORES_WITH_NIGHTLY_FILE = 3
VISITS_STORES = 0.7
"""Customers at home who go to stores at all."""
STORE_VISITS_PER_YEAR = 2.0
REGULAR = 0.8
"""Of the customers with a card who go quiet online: those who shop at the till every week from then on."""
REGULAR_ORDERS_MIN = 3
REGULAR_QUIET_DAYS = 75
REGULAR_QUIET_SHARE = 0.35
"""Quiet is who has not ordered for that many days, or for that share of the whole time if it is less."""
REGULAR_RECEIPTS_MAX = 30
RECEIPT_WITH_CUSTOMER_ID = 0.03
CASH_RECEIPTS_PER_CUSTOMER = 0.8
RECEIPT_VOIDED = 0.03
"""Of receipts without a card, as is the next."""
RECEIPT_TRAINING = 0.015
RECEIPT_WITH_RETURN = 0.03

# Returns
RETURN_REQUESTED = 0.5
RETURN_RECEIVED = 0.6
FULL_RETURN = 0.025
PARTIAL_RETURN = 0.02
REJECTED_RETURN = 0.006
UNKNOWN_ORDER_RETURNS_PER_CUSTOMER = 0.005

# Channel feedback
NEWSLETTERS_PER_YEAR = 6.0
OPENED = 0.25
CLICKED = 0.06
BOUNCED = 0.01
UNSUBSCRIBED = 0.02
COMPLAINED = 0.002

# Catalogue
UNAVAILABLE = 0.06
UPDATED_ITEM = 0.25
ACCESSORIES_MAX = 5
ACCESSORY_SUPPORT = (3, 8)
"""Baskets that must hold both products: a thousandth of all, within these bounds."""
BASKET_PRODUCTS_MAX = 40
"""Larger baskets say nothing of what fits together, and cost the square of their size."""

# Imperfections
DUPLICATE = 0.004
LATE = 0.003
"""Records later than their source's lateness."""
DELAYED = 0.05
"""Records a few minutes behind the others of their source."""
DELAY_MS_MAX = 5 * MINUTE_MS
RECEIPT_LATE = 0.02
RESENT_TILL_FILES_PER_YEAR = 10.0
BROKEN = 0.001
LATENESS_MS = {"pos-transactions": DAY_MS}
"""What the imperfections assume of a source's lateness; others: LATENESS_MS_DEFAULT."""
LATENESS_MS_DEFAULT = 10 * MINUTE_MS
