// Reads histories of a bank, one JSON object a line, and writes for each whether porcupine (Anish Athalye's checker of
// linearizability) finds it Ok, Illegal, or is out of time: Unknown.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	accountsMax = 32
	timeMax     = 60 * time.Second
)

type history struct {
	Initial    []int64     `json:"initial"`
	Operations []operation `json:"operations"`
}

type operation struct {
	Client   int       `json:"client"`
	Call     int64     `json:"call"`
	Return   *int64    `json:"return"` // null when the reply never came
	Transfer *transfer `json:"transfer"`
	Result   string    `json:"result"`
	Balances []int64   `json:"balances"`
}

type transfer struct {
	From   int   `json:"from"`
	To     int   `json:"to"`
	Amount int64 `json:"amount"`
}

// The balances of all accounts: an array, so that states compare with == and are copied when assigned.
type balances [accountsMax]int64

func bank(initial balances) porcupine.Model {
	return porcupine.Model{
		Init: func() interface{} { return initial },
		Step: func(state, input, _ interface{}) (bool, interface{}) {
			now, op := state.(balances), input.(operation)
			if op.Transfer == nil {
				for account, balance := range op.Balances {
					if now[account] != balance {
						return false, state
					}
				}
				return true, state
			}
			from, to, amount := op.Transfer.From, op.Transfer.To, op.Transfer.Amount
			suffices := now[from] >= amount
			after := now
			after[from] -= amount
			after[to] += amount
			switch op.Result {
			case "done":
				return suffices, after
			case "insufficient":
				return !suffices, state
			case "refused":
				return true, state
			case "unknown":
				// It never returns: put after everything else, it is as if it had not been.
				if suffices {
					return true, after
				}
				return true, state
			}
			log.Fatalf("unknown result %q: use done, insufficient, refused or unknown", op.Result)
			return false, state
		},
		// FNV-1a, over whole balances.
		Hash: func(state interface{}) uint64 {
			hash := uint64(14695981039346656037)
			for _, balance := range state.(balances) {
				hash = (hash ^ uint64(balance)) * 1099511628211
			}
			return hash
		},
	}
}

func check(one history) porcupine.CheckResult {
	if len(one.Initial) > accountsMax {
		log.Fatalf("%d accounts: at most %d", len(one.Initial), accountsMax)
	}
	var initial balances
	copy(initial[:], one.Initial)
	operations := make([]porcupine.Operation, len(one.Operations))
	for index, op := range one.Operations {
		returned := int64(math.MaxInt64)
		if op.Return != nil {
			returned = *op.Return
		}
		operations[index] = porcupine.Operation{ClientId: op.Client, Input: op, Call: op.Call, Return: returned}
	}
	return porcupine.CheckOperationsTimeout(bank(initial), operations, timeMax)
}

func main() {
	lines := json.NewDecoder(os.Stdin)
	for {
		var one history
		if err := lines.Decode(&one); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		fmt.Println(check(one))
	}
}
