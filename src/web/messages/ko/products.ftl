# 상품과 사진.
action-search = 검색
action-save = 저장
closings-show = 보기
action-print = 인쇄
action-delete = 삭제
products-search = 이름, 바코드 또는 SKU
products-all = 전체 상품
products-empty = 아직 상품이 없습니다
products-empty-text = 상품을 여러 면에서 보여 주세요. 저장하는 즉시 계산대에서 인식합니다.
products-none-found = 검색 결과가 없습니다
products-none-found-text = “{ $text }”에 맞는 상품이 없습니다.
product-teach = 상품 등록
product-teach-lead = 손님이 놓을 수 있는 여러 방향에서 사진 { $count }장을 찍고 상품 정보를 입력하세요.
product-teach-send = 등록하기
product-title = 상품 정보
product-more-fields = SKU와 설명
product-off-sale = 판매 중지
product-no-price = 가격 없음
product-no-photos = 바코드로만 판매
product-add-photos = 사진 { $count }장 추가
product-photos = { $count ->
    [0] 사진
   *[other] 사진 { $count }장
 }
product-photos-none = 사진이 없으면 바코드나 직접 선택으로 판매합니다.
product-recognised = 사진 { $asked }장 중 { $count }장이 다른 사진으로 인식됩니다.
product-advice-more = 다른 면의 사진을 추가하세요. 서로 다른 사진 다섯 장이면 대부분의 상품이 구별됩니다.
product-advice-alike = 거의 같은 사진이 있습니다. 다른 면의 사진을 추가하세요.
product-advice-sides = 사진 한 장에만 보이는 면의 사진을 추가하세요.
product-most-alike = 가장 비슷한 상품:
product-last-seen = 마지막 인식:
product-take-off = 판매 중지
product-put-on = 판매 시작
product-delete-title = “{ $name }”을(를) 삭제할까요?
product-delete-text = { $count ->
    [0] 상품이 완전히 삭제됩니다. 주문 내역은 남습니다.
   *[other] 상품과 사진 { $count }장이 완전히 삭제됩니다. 주문 내역은 남습니다.
 }
products-same-article = 다른 상품과 바코드가 같은 상품입니다. 하나를 열어 합치세요.
product-same-article = “{ $name }”의 바코드({ $barcode })가 같습니다. 계산대는 둘 중 하나만 인식할 수 있습니다.
product-same-article-show = 상품 보기
product-merge = 여기로 합치기
product-merge-title = “{ $other }”을(를) “{ $name }”(으)로 합칠까요?
product-merge-text = “{ $other }”의 사진이 “{ $name }”(으)로 옮겨지고 “{ $other }”은(는) 삭제됩니다. 주문 내역은 남습니다.
field-product-name = 이름
field-price = 가격
field-tax-rate = 세율(%)
field-barcode = 바코드
field-sku = SKU
field-description = 설명
photos-title = 사진
photos-choose = 사진을 고르거나 여기에 놓으세요
photos-hint = JPEG, PNG, WebP. 사진마다 상품 하나만 보여 주세요. 배경은 자동으로 잘라 냅니다.
photos-chosen = 고른 사진
photos-add = 사진 추가
photos-add-send = 추가하기
photos-insist = 그래도 이 사진을 사용
photo-number = 사진 { $count }
photo-alone = 비슷한 사진 없음
photo-remove = 제거
photo-remove-title = 이 사진을 제거할까요?
photo-remove-text = 더 이상 이 사진으로 상품을 인식하지 않습니다.
photo-good = 좋음
photo-several = 여러 물건이 보입니다. 하나만 보여 주세요.
photo-checking = 확인 중 …
photo-unchecked = 보낼 때 확인합니다.
photo-too-large = 파일이 너무 큽니다
photo-not-a-photo = JPEG, PNG, WebP 사진이 아닙니다. 아이폰은 설정 > 카메라 > 포맷 > 높은 호환성을 선택하세요.
photo-send-failed = 서버에 연결할 수 없습니다. 사진은 그대로 있으니 다시 시도하세요.
photo-signed-out = 로그아웃되었습니다. 다른 탭에서 로그인한 뒤 여기서 사진을 다시 보내세요.
camera-use = 카메라 사용
camera-hint = 사진 사이에 상품을 조금씩 돌려 주세요.
camera-burst = 5장 연속 촬영
camera-one = 한 장 촬영
camera-close = 카메라 닫기
camera-none = 카메라를 열 수 없습니다. 브라우저에서 허용하거나 사진을 고르세요.
notice-product-taught = 등록했습니다. 이제 계산대에서 인식합니다.
notice-product-saved = 저장했습니다.
notice-product-merged = 합쳤습니다. 두 상품의 사진이 여기 있습니다.
notice-product-removed = 상품을 삭제했습니다.
notice-product-on-sale = 다시 판매합니다.
notice-product-off-sale = 판매를 중지했습니다. 계산대에서 인식하지 않습니다.
notice-photos-added = 사진을 추가했습니다.
notice-photo-removed = 사진을 제거했습니다.

# 사진의 문제점.
photo-issue-blank = 한 가지 색만 보입니다. 상품 자체를 찍으세요.
photo-issue-too-small = 사진에서 상품이 너무 작습니다. 더 가까이에서 찍으세요.
photo-issue-blurred = 흐립니다. 초점이 맞을 때까지 카메라를 움직이지 말고 다시 찍으세요.
photo-issue-too-dark = 너무 어둡습니다. 더 밝은 곳에서 다시 찍으세요.
photo-issue-too-bright = 너무 밝습니다. 빛을 줄이거나 더 어두운 바닥에서 다시 찍으세요.
photo-issue-copy = “{ $name }” 사진과 똑같아 보입니다. 차이가 보이는 사진을 보내세요.
