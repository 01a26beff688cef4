/**
 * First in, first out, in constant time however long it gets (`Array.shift` moves every element of a long array).
 * Not for: bounding itself; whoever owns a queue counts what is in it.
 * Place in the flow: inside lanes, the cursor tracker and the iterator.
 * Source: ours.
 */

/** How many empty places may stand at the front before they are cut off. */
const trimAfter = 1_024;

/** A queue in order of arrival. */
export class Queue<T> {
  #items: (T | undefined)[] = [];
  #first = 0;

  get size(): number {
    return this.#items.length - this.#first;
  }

  /** The item that leaves next. */
  get first(): T | undefined {
    return this.#items[this.#first];
  }

  /** The item that leaves last; undefined when empty. */
  get last(): T | undefined {
    return this.size === 0 ? undefined : this.#items.at(-1);
  }

  /** Gives the first item that `isIt` says true to. */
  find(isIt: (item: T) => boolean): T | undefined {
    for (let index = this.#first; index < this.#items.length; index++) if (isIt(this.#items[index] as T)) return this.#items[index];
    return undefined;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#first];
    this.#items[this.#first++] = undefined;
    if (this.#first === this.#items.length) {
      this.#items = [];
      this.#first = 0;
    } else if (this.#first > trimAfter && this.#first * 2 > this.#items.length) {
      this.#items.splice(0, this.#first);
      this.#first = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#first = 0;
  }
}
