/* carillonw.exe: carillon.exe without a console window, for what is started by a click or at log-on.
 *
 * Windows opens a console before a program of a terminal begins, and it flashes up. This one is a program of the desktop; it
 * starts the other, in the same folder and with the same words, and leaves. Built by deploy/windows/msi.sh. */
#include <windows.h>

/* The longest command line of Windows, and its zero. */
#define MOST 32768

static WCHAR program[MOST], line[MOST];

int WINAPI wWinMain(HINSTANCE self, HINSTANCE none, WCHAR *words, int show) {
    static const WCHAR NAME[] = L"\\carillon.exe";
    STARTUPINFOW start = {.cb = sizeof start};
    PROCESS_INFORMATION started;
    DWORD length = GetModuleFileNameW(NULL, program, MOST - ARRAYSIZE(NAME));
    (void)self, (void)none, (void)show;
    if (length == 0 || length >= MOST - ARRAYSIZE(NAME)) return 1;
    while (length > 0 && program[length] != L'\\') length--;
    lstrcpyW(program + length, NAME);
    /* Two quotes and a space. */
    if (lstrlenW(program) + lstrlenW(words) + 3 >= MOST) return 1;
    lstrcpyW(line, L"\"");
    lstrcatW(line, program);
    lstrcatW(line, L"\" ");
    lstrcatW(line, words);
    if (!CreateProcessW(program, line, NULL, NULL, FALSE, CREATE_NO_WINDOW, NULL, NULL, &start, &started)) return 1;
    CloseHandle(started.hThread);
    CloseHandle(started.hProcess);
    return 0;
}
