/* sink PORT USER: logs in, RETR 1, reads to the closing dot with a 256 KiB buffer, QUIT: the floor for a client (no unstuffing,
 * nothing kept) */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int c, char **v) {
    static char b[1 << 18];
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(v[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(s, (void *)&a, sizeof a))
        return 1;
    char q[200];
    int n = snprintf(q, sizeof q, "USER %s\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n", v[2]);
    if (write(s, q, n) != n)
        return 1;
    unsigned long long t = 0;
    ssize_t k;
    while ((k = read(s, b, sizeof b)) > 0)
        t += k;
    printf("%llu\n", t);
    return k < 0;
}
