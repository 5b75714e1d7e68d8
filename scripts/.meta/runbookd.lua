---@meta
-- What scripts and their tests see, for the Lua language server (LuaLS): completion, and types.  Nothing runs this file.

---@class runbookd.Finding
---@field target string
---@field name string
---@field check? string
---@field subject? string  which one of several inside a target: a queue, a slot
---@field status "ok"|"warning"|"critical"|"unknown"
---@field previous? string
---@field reason? string
---@field message string
---@field measures table<string, number>
---@field words table<string, string>
---@field evidence table<string, any>
---@field labels table<string, string>

---@class runbookd.Option
---@field [1] "string"|"boolean"|"integer"|"number"|"duration"|"bytes"|"rate"|"list"|"map"
---@field default? any      without it, and unless required, the option may be absent: nil
---@field min? any          of integers, numbers, durations ("1m") and bytes ("64KiB")
---@field max? any
---@field choices? string[] of strings
---@field required? boolean
---@field help? string

---@class runbookd.Result
---@field planned integer   how many steps the plan had
---@field done integer
---@field skipped integer   what had changed since the plan: nothing was done
---@field failed integer
---@field [string] any      what the action says of itself

---@class runbookd.Agent
local agent = {}

-- Has an action of a role planned, decided on by the guard, and applied.  Comes back only after that: a dry run, a refusal,
-- a rejection and an expired plan end the script with that outcome.  nil, message, code: it was tried, and failed.
---@param verb string  ROLE:ACTION, one of the script's needs
---@param options? table  the action's options: runbookd explain PLUGIN:ACTION
---@return runbookd.Result|nil result, string? message, string? code
function agent.act(verb, options) end

-- Asks a check of a role's target, now.
---@param name string  ROLE/NAME, as the configuration names the check
---@return runbookd.Finding|nil finding, string? message, string? code
function agent.check(name) end

---@param duration string|number  "5s", "2m", or seconds; only this script waits
function agent.sleep(duration) end

---@return number seconds  since 1970
function agent.now() end

---@param duration string
---@return number
function agent.seconds(duration) end

---@param duration string
---@return number
function agent.minutes(duration) end

---@param format string  as of string.format
function agent.log(format, ...) end

-- Ends: something was applied.  Raises where nothing was.
---@param format string
---@return nil never
function agent.applied(format, ...) end

-- Ends: there was nothing to do.
---@param format string
---@return nil never
function agent.leave(format, ...) end

-- Ends: a person is needed.
---@param format string
---@return nil never
function agent.hand_over(format, ...) end

---@class runbookd.Script
---@field summary string
---@field expects? { plugin: string, check?: string }
---@field targets table<string, string>  roles, each with its plugin
---@field needs? string[]                verbs, ROLE:ACTION
---@field with? table<string, runbookd.Option>
---@field deadline? string               default "1m"; without the time that a person takes
---@field run fun(agent: runbookd.Agent, finding: runbookd.Finding, with: table)

json = {}

---@return string
function json.encode(value) end

---@param text string
---@return any value, string? message  an object's null is absent, a list's is json.null
function json.decode(text) end

-- Marks a table as a list, so that it goes out as [] where it is empty.
---@param table? table
---@return table
function json.list(table) end

json.null = {}

---@class runbookd.Outcome
---@field kind "applied"|"left"|"handed_over"|"planned"|"refused"|"rejected"|"expired"|"lost"|"failed"|"late"|"spent"
---@field message string
---@field applied integer  how many actions were
---@field seconds number   how long it took, on the clock of the test

---@class runbookd.Case
local case = {}
---@param verb string
---@param result table
function case:answer(verb, result) end
---@param verb string
---@param message? string
---@param code? string
function case:fail(verb, message, code) end
---@param verb string
---@param why "planned"|"refused"|"rejected"|"expired"|"lost"
---@param message? string
function case:deny(verb, why, message) end
---@param verb string
function case:hang(verb) end
---@param name string  ROLE/NAME
---@param finding table
function case:check(name, finding) end
---@param script string
---@param finding? table
---@param with? table
---@return runbookd.Outcome
function case:run(script, finding, with) end
---@param verb string
---@return table|nil
function case:asked(verb) end
---@return { verb: string, args: table }[]
function case:acts() end
---@return string[]
function case:checked() end
---@return string[]
function case:logged() end
function case:equal(got, expected) end
function case:ok(value, message) end
---@param pattern string
function case:match(text, pattern) end
