/* quit PORT: connect, read the greeting, send QUIT, read to the end: the floor for "connect, greet, QUIT" */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int c, char **v) {
    (void)c;
    char b[4096];
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(v[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(s, (void *)&a, sizeof a) || read(s, b, sizeof b) <= 0 || write(s, "QUIT\r\n", 6) != 6)
        return 1;
    while (read(s, b, sizeof b) > 0)
        ;
    return 0;
}
