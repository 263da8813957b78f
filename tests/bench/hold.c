/* hold [-i TEXT] [-w MS] [-c 1] [-T S] [-o FILE] [-e FILE] -- COMMAND ARGS...
 * Runs COMMAND with TEXT on its standard input (escapes \r \n understood; -w: MS ms before each line), keeps that pipe
 * OPEN until COMMAND ends (many clients leave at end of input; -c 1: close it at once; -T: kill it after S seconds, 100), output
 * to FILE (default /dev/null), and prints one line: wall_s user_s sys_s peak_kb exit_code Itself about 1 MB, so it does not lift
 * the peak that the kernel reports for small commands.  cc -O2 -static -o hold hold.c */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static pid_t kid;
static void on_alarm(int x) {
    (void)x;
    kill(kid, SIGKILL);
}
int main(int c, char **v) {
    char *text = 0, *out = "/dev/null", *err = "/dev/null";
    int ms = 0, i = 1, shut = 0, lim = 100;
    for (; i < c && strcmp(v[i], "--"); i += 2) {
        if (!strcmp(v[i], "-i"))
            text = v[i + 1];
        else if (!strcmp(v[i], "-w"))
            ms = atoi(v[i + 1]);
        else if (!strcmp(v[i], "-o"))
            out = v[i + 1];
        else if (!strcmp(v[i], "-c"))
            shut = atoi(v[i + 1]);
        else if (!strcmp(v[i], "-T"))
            lim = atoi(v[i + 1]);
        else if (!strcmp(v[i], "-e"))
            err = v[i + 1];
    }
    char **cmd = v + i + 1;
    if (i >= c - 1)
        return 2;
    char *t = text ? malloc(strlen(text) + 1) : 0;
    size_t n = 0;
    if (text)
        for (char *p = text; *p; p++) {
            if (*p == '\\' && p[1] == 'r')
                t[n++] = '\r', p++;
            else if (*p == '\\' && p[1] == 'n')
                t[n++] = '\n', p++;
            else
                t[n++] = *p;
        }
    int p[2];
    if (pipe(p))
        return 2;
    fcntl(p[1], F_SETFD, FD_CLOEXEC);
    signal(SIGPIPE, SIG_IGN);
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    pid_t pid = fork();
    if (!pid) {
        signal(SIGPIPE, SIG_DFL);
        dup2(p[0], 0);
        close(p[0]);
        int o = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0644), e = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        dup2(o, 1);
        dup2(e, 2);
        execvp(cmd[0], cmd);
        _exit(127);
    }
    close(p[0]);
    for (size_t pos = 0; pos < n;) {
        char *nl = memchr(t + pos, '\n', n - pos);
        size_t e = nl ? (size_t)(nl - t) + 1 : n;
        if (ms)
            usleep(ms * 1000);
        else
            e = n;
        if (write(p[1], t + pos, e - pos) < 0)
            break;
        pos = e;
    }
    if (!text || shut)
        close(p[1]);
    kid = pid;
    signal(SIGALRM, on_alarm);
    alarm(lim);
    int st;
    struct rusage ru;
    wait4(pid, &st, 0, &ru);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%.6f %.6f %.6f %ld %d\n", b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) / 1e9,
           ru.ru_utime.tv_sec + ru.ru_utime.tv_usec / 1e6, ru.ru_stime.tv_sec + ru.ru_stime.tv_usec / 1e6, ru.ru_maxrss,
           WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st));
    return 0;
}
