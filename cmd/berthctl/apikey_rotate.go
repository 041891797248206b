package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/apikey"
)

// defaultOverlap is how long a key that is replaced still works: long enough to put the new one where the old one is.
const defaultOverlap = 24 * time.Hour

func newRotate(g *global) *cobra.Command {
	var overlap time.Duration
	cmd := &cobra.Command{
		Use:   "rotate ID",
		Short: "Make an API key that replaces another, and print it; it can't be shown again",
		Long: "Make an API key with the owner, role, organizations, description and lifetime of another and print it on standard output, alone. " +
			"The other one stops working after --overlap.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return g.rotateAPIKey(cmd, args[0], overlap) },
	}
	cmd.Flags().DurationVar(&overlap, "overlap", defaultOverlap, "how long the old key still works, such as 30m; 0 to end it at once")
	return cmd
}

func (g *global) rotateAPIKey(cmd *cobra.Command, id string, overlap time.Duration) error {
	if err := g.check(); err != nil {
		return err
	}
	if overlap < 0 {
		return errors.New("--overlap is a duration from 0 on")
	}
	c, err := g.client()
	if err != nil {
		return err
	}
	old, err := g.apiKey(cmd.Context(), c, id)
	if err != nil {
		return err
	}
	if old, err = withoutExclusions(cmd.Context(), c, old); err != nil {
		return err
	}
	now := time.Now()
	key, token, err := apikey.Rotate(cmd.Context(), c, g.keysNamespace, old, apikey.Rotation{Now: now, Retire: now.Add(overlap)})
	if err != nil {
		return fmt.Errorf("replace API key %s: %w", id, err)
	}
	if overlap == 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "API key %s works no more\n", id)
	} else {
		fmt.Fprintf(cmd.ErrOrStderr(), "API key %s works for another %s at most\n", id, overlap)
	}
	return g.show(cmd, c, key, token)
}

// parseExpiry reads when a key is to expire: zero for nothing, a duration from now on, in days too, or a time, that of a date at its begin in
// UTC. It is in the future.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := expiryOf(text, now)
	if err != nil {
		return time.Time{}, fmt.Errorf("--expires is a duration (720h, 90d) or a time (2027-01-31, 2027-01-31T12:00:00Z), not %q", text)
	}
	if !at.After(now) {
		return time.Time{}, fmt.Errorf("--expires is in the future, not at %s", at.UTC().Format(time.RFC3339))
	}
	return at, nil
}

func expiryOf(text string, now time.Time) (time.Time, error) {
	if days, found := strings.CutSuffix(text, "d"); found {
		number, err := strconv.ParseUint(days, 10, 16)
		return now.AddDate(0, 0, int(number)), err
	}
	if lifetime, err := time.ParseDuration(text); err == nil {
		return now.Add(lifetime), nil
	}
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339, text)
}
