"""Follows the journals into ClickHouse.

Contents:
    follower    one step: a block of one journal into the engine (runs in a worker thread)
    shell       the loop around it: batching, backoff, telling the gateways, answering `fresh`
    console     `run_sql`: asks the warehouse process, or opens the store itself
"""
