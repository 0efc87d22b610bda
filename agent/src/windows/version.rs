//! Which Windows this is.

use windows_sys::Win32::System::SystemInformation::OSVERSIONINFOW;

#[link(name = "ntdll")]
unsafe extern "system" {
    fn RtlGetVersion(version: *mut OSVERSIONINFOW) -> i32;
}

/// `Windows 10.0 build 22631`: as the kernel says it, whatever the program's manifest promises to know.
pub fn name() -> String {
    let mut version = OSVERSIONINFOW {
        dwOSVersionInfoSize: size_of::<OSVERSIONINFOW>() as u32,
        ..OSVERSIONINFOW::default()
    };
    // SAFETY: the structure is ours, lives during the call and says its own size.
    if unsafe { RtlGetVersion(&raw mut version) } != 0 {
        return "Windows".into();
    }
    format!(
        "Windows {}.{} build {}",
        version.dwMajorVersion, version.dwMinorVersion, version.dwBuildNumber
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernel_tells_its_build() {
        assert!(super::name().contains(" build "));
    }
}
