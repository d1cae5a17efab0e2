// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// The same as connects_by_name.c, with Go's own resolver.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

func attempt(name, port string) string {
	var number syscall.Errno
	found, err := net.DefaultResolver.LookupIPAddr(context.Background(), name)
	if err != nil {
		var failed *net.DNSError
		if errors.As(err, &failed) {
			return "resolve: " + failed.Err
		}
		return "resolve: " + err.Error()
	}
	address := net.JoinHostPort(found[rand.Intn(len(found))].String(), port)
	connection, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err == nil {
		connection.Close()
		return ""
	}
	if errors.As(err, &number) {
		return "connect: " + number.Error()
	}
	return "connect: " + err.Error()
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintf(os.Stderr, "Usage: %s COUNT NAME PORT\n", os.Args[0])
		os.Exit(2)
	}
	rand.Seed(time.Now().UnixNano())
	wanted, _ := strconv.Atoi(os.Args[1])
	failures, connected, begin := map[string]int{}, 0, time.Now()
	for i := 0; i < wanted; i++ {
		if failure := attempt(os.Args[2], os.Args[3]); failure != "" {
			failures[failure]++
		} else {
			connected++
		}
	}
	for failure, times := range failures {
		fmt.Printf("%d times %s\n", times, failure)
	}
	fmt.Printf("%d connected, %d ms\n", connected, time.Since(begin).Milliseconds())
	if connected != wanted {
		os.Exit(1)
	}
}
