// Package osspecific stands in for a file that the published module lacks: how the executor signals and awaits its child on Linux.
package osspecific

import (
	"os"
	"syscall"

	"github.com/argoproj/argo-workflows/v3/util/errors"
)

// Term asks a process to end.
var Term = syscall.SIGTERM

// CanIgnoreSignal says which signals are the executor's own and not meant for its child.
func CanIgnoreSignal(s os.Signal) bool { return s == syscall.SIGCHLD || s == syscall.SIGURG }

// Setpgid makes the child lead a process group, so that one signal reaches all that it starts.
func Setpgid(attributes *syscall.SysProcAttr) { attributes.Setpgid = true }

// Kill signals the group of the process, or the process alone when it has gone.
func Kill(pid int, s syscall.Signal) error {
	if group, err := syscall.Getpgid(pid); err == nil {
		pid = -group
	}
	return syscall.Kill(pid, s)
}

// Wait returns how the child ended. The executor is PID 1 of its container, so it reaps orphans meanwhile.
func Wait(process *os.Process) error {
	child := process.Pid
	if err := process.Release(); err != nil {
		return err
	}
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &status, 0, nil)
		if err == syscall.EINTR || (err == nil && ended != child) {
			continue
		}
		if err != nil {
			return err
		}
		if status.Signaled() {
			return errors.NewExitErr(128 + int(status.Signal()))
		}
		return errors.NewExitErr(status.ExitStatus())
	}
}
