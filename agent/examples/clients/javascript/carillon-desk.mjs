#!/usr/bin/env node
// A client of a desk's local API: calls, events, and a page when somebody calls. No dependencies, Node.js 18 or newer.
// A page in a browser cannot do this: the agent refuses whatever carries an Origin.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Where an agent keeps its state when nobody says otherwise. */
function stateFolder() {
  const { CARILLON_STATE, XDG_STATE_HOME, LOCALAPPDATA } = process.env
  if (CARILLON_STATE) return CARILLON_STATE
  if (process.geteuid?.() === 0) return '/var/lib/carillon'
  return join(XDG_STATE_HOME || LOCALAPPDATA || join(homedir(), '.local', 'state'), 'carillon')
}

/** A running agent. */
export class Desk {
  constructor(folder = stateFolder()) {
    // Anew for every start of the agent, and readable for its user alone.
    const control = JSON.parse(readFileSync(join(folder, 'control.json'), 'utf8'))
    this.base = `http://${control.address}`
    this.headers = { Authorization: `Bearer ${control.token}` }
  }

  /** Begins a request and returns the answer as a stream. */
  open(method, path, body) {
    const headers = body === undefined ? this.headers : { ...this.headers, 'Content-Type': 'application/json' }
    return new Promise((resolve, reject) => {
      const request = http.request(this.base + path, { method, headers }, resolve)
      request.on('error', reject)
      request.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  /** One request; the answer as data. */
  async ask(method, path, body) {
    const answer = await this.open(method, path, body)
    let text = ''
    for await (const piece of answer.setEncoding('utf8')) text += piece
    const data = text === '' ? null : JSON.parse(text)
    if (answer.statusCode >= 400) throw new Error([data.detail, data.advice].filter(Boolean).join('; '))
    return data
  }

  /** Name and data of everything that happens from now on. Listens before it resolves. */
  async events() {
    const answer = await this.open('GET', '/v1/events')
    if (answer.statusCode !== 200) throw new Error(`the agent answered ${answer.statusCode}`)
    const lines = createInterface({ input: answer, crlfDelay: Infinity })[Symbol.asyncIterator]()
    // The comment that says: nothing is missed from here on.
    await lines.next()
    return (async function* () {
      let name = ''
      for (let next = await lines.next(); !next.done; next = await lines.next()) {
        if (next.value.startsWith('event: ')) name = next.value.slice(7)
        else if (next.value.startsWith('data: ')) yield { name, data: JSON.parse(next.value.slice(6)) }
      }
    })()
  }
}

/** The address with {number}, {name} and {domain} in it percent-encoded, so that a caller writes no address. */
function page(template, call) {
  const address = call.peer.slice(call.peer.indexOf(':') + 1)
  const at = address.lastIndexOf('@')
  const values = {
    number: decoded(address.slice(0, Math.max(at, 0)).split(';')[0]),
    name: call.peer_name ?? '',
    domain: address.slice(at + 1).split(';')[0],
  }
  return template.replace(/\{(number|name|domain)\}/g, (_, token) => encodeURIComponent(values[token]))
}

function decoded(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Calls, and tells every step until the end. */
async function call(desk, target) {
  const events = await desk.events()
  const placed = await desk.ask('POST', '/v1/calls', { target })
  console.log(`calling ${placed.peer}`)
  let seen = ''
  for await (const { name, data } of events) {
    if (name === 'call_changed' && data.id === placed.id && data.state !== seen) {
      seen = data.state
      console.log(seen)
    } else if (name === 'call_ended' && data.call.id === placed.id) {
      console.log(`ended: ${data.text}`)
      return
    }
  }
}

/** Prints every event, a line of JSON each. */
async function watch(desk) {
  for await (const { name, data } of await desk.events()) console.log(JSON.stringify({ event: name, data }))
}

/** Opens a page for each call that comes in. */
async function pop(desk, template, onlyPrint) {
  const known = new Set()
  for await (const { name, data } of await desk.events()) {
    if (name !== 'call_changed' || data.direction !== 'incoming' || known.has(data.id)) continue
    known.add(data.id)
    const address = page(template, data)
    console.log(address)
    if (onlyPrint) continue
    // Never through a shell: `start` of cmd.exe would read the address as a command line.
    const [opener, ...first] = { win32: ['rundll32', 'url.dll,FileProtocolHandler'], darwin: ['open'] }[process.platform] ?? ['xdg-open']
    spawn(opener, [...first, address], { stdio: 'ignore', detached: true }).on('error', console.error).unref()
  }
}

const words = process.argv.slice(2)
const folder = words[0] === '--state' ? words.splice(0, 2)[1] : undefined
const onlyPrint = words.includes('--print')
const [verb, argument] = words.filter((word) => word !== '--print')
try {
  const desk = new Desk(folder)
  if (verb === 'call' && argument) await call(desk, argument)
  else if (verb === 'watch') await watch(desk)
  else if (verb === 'pop' && argument) await pop(desk, argument, onlyPrint)
  else throw new Error('usage: carillon-desk.mjs [--state FOLDER] call TARGET | watch | pop ADDRESS [--print]')
  process.exit(0)
} catch (error) {
  console.error(error.code === 'ENOENT' ? `no agent runs here: ${error.path} is not there` : error.message)
  process.exit(1)
}
