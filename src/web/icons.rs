//! The icons of the pages: one sheet of symbols, drawn from the set Lucide. A line here adds one.

use std::fmt::Write as _;

macro_rules! icons {
    ($($name:literal => $icon:ident,)+) => {
        /// Each icon's name, view box and drawing.
        fn icons() -> Vec<(&'static str, &'static str, &'static str)> {
            vec![$(($name, icondata_lu::$icon.view_box.unwrap_or("0 0 24 24"), icondata_lu::$icon.data)),+]
        }
    };
}

icons! {
    "activity" => LuActivity,
    "arrow-left" => LuArrowLeft,
    "arrow-right" => LuArrowRight,
    "ban" => LuBan,
    "banknote" => LuBanknote,
    "barcode" => LuBarcode,
    "bell" => LuBell,
    "boxes" => LuBoxes,
    "calendar" => LuCalendar,
    "camera" => LuCamera,
    "check" => LuCheck,
    "chevron-down" => LuChevronDown,
    "chevron-left" => LuChevronLeft,
    "chevron-right" => LuChevronRight,
    "circle" => LuCircle,
    "circle-check" => LuCircleCheck,
    "circle-help" => LuCircleHelp,
    "circle-x" => LuCircleX,
    "clock" => LuClock,
    "copy" => LuCopy,
    "cpu" => LuCpu,
    "credit-card" => LuCreditCard,
    "dashboard" => LuLayoutDashboard,
    "download" => LuDownload,
    "external-link" => LuExternalLink,
    "eye" => LuEye,
    "gauge" => LuGauge,
    "hand" => LuHand,
    "hash" => LuHash,
    "history" => LuHistory,
    "house" => LuHouse,
    "image" => LuImage,
    "info" => LuInfo,
    "key" => LuKeyRound,
    "languages" => LuLanguages,
    "link" => LuLink,
    "list" => LuListChecks,
    "lock" => LuLock,
    "log-out" => LuLogOut,
    "mail" => LuMail,
    "maximize" => LuMaximize,
    "menu" => LuMenu,
    "merge" => LuMerge,
    "minus" => LuMinus,
    "monitor" => LuMonitor,
    "moon" => LuMoon,
    "package" => LuPackage,
    "pause" => LuPause,
    "pencil" => LuPencil,
    "play" => LuPlay,
    "plus" => LuPlus,
    "printer" => LuPrinter,
    "qr-code" => LuQrCode,
    "receipt" => LuReceiptText,
    "refresh" => LuRefreshCw,
    "scan" => LuScanLine,
    "scroll" => LuScrollText,
    "search" => LuSearch,
    "send" => LuSend,
    "settings" => LuSettings,
    "shield-alert" => LuShieldAlert,
    "shield-check" => LuShieldCheck,
    "shopping-bag" => LuShoppingBag,
    "shopping-cart" => LuShoppingCart,
    "sparkles" => LuSparkles,
    "store" => LuStore,
    "sun" => LuSun,
    "sun-moon" => LuSunMoon,
    "tablet" => LuTablet,
    "tag" => LuTag,
    "trash" => LuTrash2,
    "triangle-alert" => LuTriangleAlert,
    "undo" => LuUndo2,
    "upload" => LuUpload,
    "user" => LuUser,
    "user-plus" => LuUserPlus,
    "users" => LuUsers,
    "wallet" => LuWallet,
    "wifi-off" => LuWifiOff,
    "wrench" => LuWrench,
    "x" => LuX,
    "zoom-in" => LuZoomIn,
}

/// All icons as the symbols of one SVG.
pub(super) fn draw_sheet() -> String {
    let mut sheet = String::from("<svg xmlns=\"http://www.w3.org/2000/svg\">");
    for (name, view_box, drawing) in icons() {
        let _in_memory = write!(
            sheet,
            "<symbol id=\"{name}\" viewBox=\"{view_box}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" \
             stroke-linecap=\"round\" stroke-linejoin=\"round\">{drawing}</symbol>"
        );
    }
    sheet.push_str("</svg>");
    sheet
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_icon_that_a_page_names_is_on_the_sheet() {
        let known: Vec<_> = icons().into_iter().map(|(name, _, _)| name).collect();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
        let mut uses = 0;
        let mut folders = vec![root];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let source = std::fs::read(&path).unwrap();
                let source = String::from_utf8_lossy(&source);
                for rest in source.split("icon(page, \"").skip(1) {
                    let name = rest.split('"').next().unwrap();
                    uses += 1;
                    assert!(known.contains(&name), "{}: no icon {name}", path.display());
                }
            }
        }
        assert!(uses > 10, "only {uses} uses found");
    }
}
