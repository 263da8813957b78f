/* server: a POP3 server on 127.0.0.1 that answers from memory as fast as it can.
 *   server PORT TLSPORT CERT.pem KEY.pem [--pipe 0|1] [--many N] [--bytes B] [--log FILE] [--delay-us U]
 * Any USER/PASS.  The user name says what the mailbox is:
 *   bigM   one message of M MiB on the wire before dot-stuffing (64-octet lines, every 16th starts with a dot)
 *   many   N messages (default 10000) of B octets (default 2048)
 *   other  three small messages
 * CAPA announces TOP, UIDL, USER and (--pipe 1, the default) PIPELINING, and STLS on the plain port.
 * Every connection writes one line to the log: commands, greatest number of commands in one read, octets, seconds.
 * Threads, OpenSSL; no dependence on the disk.  cc -O2 -o server server.c -lssl -lcrypto -lpthread */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
static SSL_CTX *ctx;
static int pipe_cap = 1, many_n = 10000, many_b = 2048, delay_us = 0;
static FILE *lg;
static char *blk;
static size_t blk_len, blk_plain; /* 1 MiB of lines, dot-stuffed */
static char *small;
static size_t small_len, small_plain;
typedef struct {
    int fd, tls;
} arg_t;
typedef struct {
    int fd;
    SSL *ssl;
    unsigned long long out;
} io_t;
static int wr(io_t *c, const char *p, size_t n) {
    c->out += n;
    while (n) {
        ssize_t k = c->ssl ? SSL_write(c->ssl, p, n > 1 << 20 ? 1 << 20 : (int)n) : write(c->fd, p, n);
        if (k <= 0)
            return -1;
        p += k;
        n -= k;
    }
    return 0;
}
static ssize_t rd(io_t *c, char *p, size_t n) { return c->ssl ? SSL_read(c->ssl, p, (int)n) : read(c->fd, p, n); }
static int say(io_t *c, const char *s) { return wr(c, s, strlen(s)); }
static const char hdr[] = "From: Sender <sender@example.org>\r\nTo: big@example.net\r\nDate: Mon, 05 Jan 2026 10:00:00 "
                          "+0000\r\nMessage-ID: <big@example.org>\r\nSubject: Big\r\n\r\n";
static void prep(void) {
    blk = malloc(2 << 20);
    size_t o = 0;
    for (int i = 0; i < 16384; i++) {
        char l[80];
        int n = sprintf(l, "%s%05d.3456789.123456789.123456789.123456789.123456789.1234567", i % 16 == 0 ? ".." : "x", i);
        memcpy(blk + o, l, n);
        o += n;
        blk[o++] = '\r';
        blk[o++] = '\n';
    }
    blk_len = o;
    blk_plain = o - 1024;
    small = malloc(many_b + 4096);
    o = 0;
    o += sprintf(small, "From: Sender <sender@example.org>\r\nTo: many@example.net\r\nDate: Mon, 05 Jan 2026 10:00:00 "
                        "+0000\r\nMessage-ID: <many-@example.org>\r\nSubject: Message\r\n\r\n");
    while (o + 62 < (size_t)many_b)
        o += sprintf(small + o, "The quick brown fox jumps over the lazy dog and then rests.\r\n");
    small_len = small_plain = o;
}
static void *serve(void *v) {
    arg_t *a = v;
    io_t c = {a->fd, 0, 0};
    int tls = a->tls;
    free(a);
    int one = 1;
    setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct timespec t0, t1;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    if (tls) {
        c.ssl = SSL_new(ctx);
        SSL_set_fd(c.ssl, c.fd);
        if (SSL_accept(c.ssl) <= 0)
            goto out;
    }
    static const char greet[] = "+OK server ready\r\n";
    if (say(&c, greet))
        goto out;
    char buf[65536];
    size_t len = 0;
    unsigned long cmds = 0, batch = 0, maxbatch = 0;
    char user[64] = "";
    unsigned long big = 0;
    int n = 3;
    char line[600], rep[4096];
    int quit = 0;
    unsigned long noopq = 0;
    while (!quit) {
        ssize_t k = rd(&c, buf + len, sizeof buf - len);
        if (k <= 0)
            break;
        len += k;
        batch = 0;
        size_t pos = 0;
        char *nl;
        static __thread char ob[1 << 16];
        (void)ob;
        while (!quit && (nl = memchr(buf + pos, '\n', len - pos))) {
            size_t L = nl - (buf + pos);
            if (L >= sizeof line)
                L = sizeof line - 1;
            memcpy(line, buf + pos, L);
            while (L && (line[L - 1] == '\r'))
                L--;
            line[L] = 0;
            pos = nl - buf + 1;
            cmds++;
            if (++batch > maxbatch)
                maxbatch = batch;
            char *arg = strchr(line, ' ');
            if (arg)
                *arg++ = 0;
            if (delay_us)
                usleep(delay_us);
            if (!strcasecmp(line, "USER")) {
                snprintf(user, sizeof user, "%s", arg ? arg : "");
                big = 0;
                n = 3;
                if (!strncmp(user, "big", 3)) {
                    big = strtoul(user + 3, 0, 10);
                    n = 1;
                } else if (!strcmp(user, "many"))
                    n = many_n;
                say(&c, "+OK\r\n");
            } else if (!strcasecmp(line, "PASS"))
                say(&c, "+OK logged in\r\n");
            else if (!strcasecmp(line, "CAPA")) {
                sprintf(rep, "+OK\r\nTOP\r\nUIDL\r\nUSER\r\n%s%s.\r\n", pipe_cap ? "PIPELINING\r\n" : "",
                        c.ssl ? "" : "STLS\r\n");
                say(&c, rep);
            } else if (!strcasecmp(line, "STLS") && !c.ssl) {
                say(&c, "+OK\r\n");
                c.ssl = SSL_new(ctx);
                SSL_set_fd(c.ssl, c.fd);
                if (SSL_accept(c.ssl) <= 0) {
                    quit = 1;
                    break;
                }
                len = pos = 0;
                break;
            } else if (!strcasecmp(line, "STAT") || !strcasecmp(line, "LIST") || !strcasecmp(line, "UIDL")) {
                unsigned long long sz = big ? sizeof hdr - 1 + (unsigned long long)blk_plain * big : small_plain;
                int ui = (line[0] | 32) == 'u';
                if ((line[0] | 32) == 's') {
                    sprintf(rep, "+OK %d %llu\r\n", n, sz * n);
                    say(&c, rep);
                } else if (arg && *arg) {
                    if (ui)
                        sprintf(rep, "+OK %d u%08d\r\n", atoi(arg), atoi(arg));
                    else
                        sprintf(rep, "+OK %d %llu\r\n", atoi(arg), sz);
                    say(&c, rep);
                } else {
                    char *b = malloc(40 * n + 100), *q = b;
                    q += sprintf(q, "+OK\r\n");
                    for (int i = 1; i <= n; i++)
                        q += ui ? sprintf(q, "%d u%08d\r\n", i, i) : sprintf(q, "%d %llu\r\n", i, sz);
                    q += sprintf(q, ".\r\n");
                    wr(&c, b, q - b);
                    free(b);
                }
            } else if (!strcasecmp(line, "RETR") || !strcasecmp(line, "TOP")) {
                if (!arg || atoi(arg) < 1 || atoi(arg) > n) {
                    say(&c, "-ERR no such message\r\n");
                    continue;
                }
                if (big && (line[0] | 32) == 'r') {
                    sprintf(rep, "+OK %llu octets\r\n%s", sizeof hdr - 1 + (unsigned long long)blk_plain * big, hdr);
                    say(&c, rep);
                    for (unsigned long i = 0; i < big; i++)
                        if (wr(&c, blk, blk_len)) {
                            quit = 1;
                            break;
                        }
                    say(&c, ".\r\n");
                } else if (big) {
                    sprintf(rep, "+OK\r\n%s.\r\n", hdr);
                    say(&c, rep);
                } else {
                    char *b = malloc(small_len + 100), *q = b;
                    q += sprintf(q, "+OK %zu octets\r\n", small_plain);
                    memcpy(q, small, small_len);
                    q += small_len;
                    q += sprintf(q, ".\r\n");
                    wr(&c, b, q - b);
                    free(b);
                }
            } else if (!strcasecmp(line, "QUIT")) {
                say(&c, "+OK bye\r\n");
                quit = 1;
            } else if (!strcasecmp(line, "DELE") || !strcasecmp(line, "NOOP") || !strcasecmp(line, "RSET")) {
                noopq++;
                say(&c, "+OK\r\n");
            } else
                say(&c, "-ERR unknown command\r\n");
        }
        if (pos) {
            memmove(buf, buf + pos, len - pos);
            len -= pos;
        } else if (len == sizeof buf)
            len = 0;
    }
    clock_gettime(CLOCK_MONOTONIC, &t1);
    if (lg) {
        fprintf(lg, "user=%s tls=%d commands=%lu most_in_one_read=%lu octets=%llu seconds=%.3f\n", user, !!c.ssl, cmds, maxbatch,
                c.out, t1.tv_sec - t0.tv_sec + (t1.tv_nsec - t0.tv_nsec) / 1e9);
        fflush(lg);
    }
out:
    if (c.ssl) {
        SSL_shutdown(c.ssl);
        SSL_free(c.ssl);
    }
    shutdown(c.fd, SHUT_WR);
    {
        char x[4096];
        struct timeval tv = {1, 0};
        setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
        while (read(c.fd, x, sizeof x) > 0)
            ;
    }
    close(c.fd);
    return 0;
}
typedef struct {
    int port, tls;
} lp;
static void *loop(void *v) {
    lp *l = v;
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(l->port), .sin_addr.s_addr = htonl(INADDR_ANY)};
    if (bind(s, (void *)&sa, sizeof sa) || listen(s, 100)) {
        perror("bind");
        exit(1);
    }
    if (l->tls) {
        printf("ready pid=%d\n", getpid());
        fflush(stdout);
    }
    for (;;) {
        int f = accept(s, 0, 0);
        if (f < 0)
            continue;
        arg_t *a = malloc(sizeof *a);
        a->fd = f;
        a->tls = l->tls;
        pthread_t t;
        pthread_create(&t, 0, serve, a);
        pthread_detach(t);
    }
}
int main(int c, char **v) {
    if (c < 5) {
        fprintf(stderr, "usage: server PORT TLSPORT CERT KEY [--pipe 0|1] [--many N] [--bytes B] [--log FILE] [--delay-us U]\n");
        return 2;
    }
    for (int i = 5; i + 1 < c; i += 2) {
        if (!strcmp(v[i], "--pipe"))
            pipe_cap = atoi(v[i + 1]);
        else if (!strcmp(v[i], "--many"))
            many_n = atoi(v[i + 1]);
        else if (!strcmp(v[i], "--bytes"))
            many_b = atoi(v[i + 1]);
        else if (!strcmp(v[i], "--log"))
            lg = fopen(v[i + 1], "a");
        else if (!strcmp(v[i], "--delay-us"))
            delay_us = atoi(v[i + 1]);
    }
    signal(SIGPIPE, SIG_IGN);
    prep();
    ctx = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(ctx, v[3]) != 1 || SSL_CTX_use_PrivateKey_file(ctx, v[4], SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        return 1;
    }
    lp a = {atoi(v[1]), 0}, b = {atoi(v[2]), 1};
    pthread_t t;
    pthread_create(&t, 0, loop, &a);
    loop(&b);
}
