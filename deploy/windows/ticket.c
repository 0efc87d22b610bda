/* The MSI's hands for a ticket: from the installer's property into the service's state folder.
 *
 * An installer can give a secret to a program only on its command line, which auditing may log; to a library it gives
 * the value itself. Runs as the system, after `carillon service prepare` made the folder the service's alone.
 * Built by deploy/windows/msi.sh; never linked with the agent. */
#include <windows.h>
#include <msi.h>
#include <msiquery.h>
#include <shlobj.h>

/* As long as the longest ticket (schemas/src/ticket.rs) and its zero. */
#define MOST 4097

static BOOL ticket_path(WCHAR *path) {
    static const WCHAR NAME[] = L"\\Carillon\\ticket";
    if (FAILED(SHGetFolderPathW(NULL, CSIDL_COMMON_APPDATA, NULL, 0, path))) return FALSE;
    if (lstrlenW(path) + ARRAYSIZE(NAME) > MAX_PATH) return FALSE;
    lstrcatW(path, NAME);
    return TRUE;
}

__declspec(dllexport) UINT __stdcall KeepTicket(MSIHANDLE install) {
    WCHAR path[MAX_PATH], ticket[MOST];
    char bytes[MOST];
    DWORD length = MOST, written = 0;
    BOOL kept = FALSE;
    int count;
    HANDLE file;
    if (MsiGetPropertyW(install, L"CustomActionData", ticket, &length) != ERROR_SUCCESS) return ERROR_INSTALL_FAILURE;
    /* A ticket is plain ASCII; what is not, the agent will refuse by itself. */
    count = WideCharToMultiByte(CP_UTF8, 0, ticket, (int)length, bytes, sizeof bytes, NULL, NULL);
    SecureZeroMemory(ticket, sizeof ticket);
    if (count > 0 && ticket_path(path)) {
        file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
        if (file != INVALID_HANDLE_VALUE) {
            kept = WriteFile(file, bytes, (DWORD)count, &written, NULL) && written == (DWORD)count;
            CloseHandle(file);
        }
    }
    SecureZeroMemory(bytes, sizeof bytes);
    return kept ? ERROR_SUCCESS : ERROR_INSTALL_FAILURE;
}

/* The installation failed and is taken back. */
__declspec(dllexport) UINT __stdcall DropTicket(MSIHANDLE install) {
    WCHAR path[MAX_PATH];
    (void)install;
    if (ticket_path(path)) DeleteFileW(path);
    return ERROR_SUCCESS;
}
